import { domainToASCII, domainToUnicode } from 'node:url'
import { ClockCache, type ClockEntry } from '../clock_cache.ts'

/** The tenant that a Host names. Whether that tenant exists is not known yet. No two have one `key`. */
export type HostMatch = { key: string } & (
  | { kind: 'subdomain'; subdomain: string }
  | { kind: 'domain'; domain: string }
  | { kind: 'unknown' }
)

type HostSettings = { BASE_DOMAINS: string[]; DEFAULT_DEV_TENANT: string | undefined }

const MAX_CACHED = 5_000

/**
 * Returns a function that matches a Host value, or returns undefined for a malformed one. A result
 * depends on the text alone, so recent results are cached.
 */
export function createHostParser(config: HostSettings): (host: string) => HostMatch | undefined {
  const cache = new ClockCache<ClockEntry & { match: HostMatch }>(MAX_CACHED)
  return (text) => {
    const cached = cache.get(text)
    if (cached !== undefined) return cached.match
    const host = canonicalHost(text)
    if (host === undefined) return undefined
    const match = matchHost(host, config)
    cache.set(text, { match, used: false })
    return match
  }
}

const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/
const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]'])

/**
 * The canonical form of a host name; there is no other canonicaliser. Lower-case LDH labels (RFC 1123),
 * without one trailing dot, A-labels only if they are valid Punycode. Undefined for a malformed name.
 */
export function canonicalName(name: string): string | undefined {
  // Check for ASCII first: toLowerCase() turns the Kelvin sign into "k".
  const canonical = /^[\x21-\x7e]+$/.test(name) ? name.toLowerCase().replace(/\.$/, '') : ''
  if (canonical.length === 0 || canonical.length > 253) return undefined
  return canonical.split('.').every(isLabel) ? canonical : undefined
}

/**
 * Parses a Host value: a name or a bracketed IPv6 address, with an optional port. Returns the canonical
 * name without the port, or undefined for a malformed value (RFC 9112, 3.2).
 */
export function canonicalHost(host: string): string | undefined {
  const parts = /^(\[[0-9a-f:.]{2,45}\]|[a-z0-9.-]{1,254})(?::(\d{1,5}))?$/i.exec(host)
  if (parts === null) return undefined
  const [, name = '', port = '80'] = parts
  if (Number(port) > 65_535) return undefined
  return name.startsWith('[') ? canonicalIpv6(name) : canonicalName(name)
}

/** The tenant that a canonical host names. A host that fits no rule is unknown; nothing falls back. */
export function matchHost(host: string, config: HostSettings): HostMatch {
  if (LOOPBACK.has(host)) {
    const subdomain = config.DEFAULT_DEV_TENANT
    return subdomain === undefined ? unknownHost : ofSubdomain(subdomain)
  }
  const base = nearestBase(host, config.BASE_DOMAINS)
  if (base !== undefined) return underBase(host.slice(0, -base.length))
  if (host.startsWith('[')) return unknownHost
  // The space keeps the keys of domains apart from those of subdomains, which are one label.
  return { kind: 'domain', domain: host, key: `domain ${host}` }
}

const unknownHost: HostMatch = { kind: 'unknown', key: '' }

function ofSubdomain(subdomain: string): HostMatch {
  return { kind: 'subdomain', subdomain, key: subdomain }
}

// If one base domain lies under another, the longer one applies.
function nearestBase(host: string, bases: string[]): string | undefined {
  return bases
    .filter((base) => host === base || host.endsWith(`.${base}`))
    .sort((a, b) => b.length - a.length)[0]
}

/** `labels` keeps its trailing dot; it is empty for the base domain itself. */
function underBase(labels: string): HostMatch {
  const label = labels.slice(0, -1)
  return label === '' || label.includes('.') ? unknownHost : ofSubdomain(label)
}

function isLabel(label: string): boolean {
  if (!LABEL.test(label)) return false
  // "--" in the third and fourth position is reserved (RFC 5891); only valid Punycode may use it.
  if (label.slice(2, 4) !== '--') return true
  return label.startsWith('xn--') && isPunycode(label)
}

function isPunycode(label: string): boolean {
  const unicode = domainToUnicode(label)
  return unicode !== '' && unicode !== label && domainToASCII(unicode) === label
}

function canonicalIpv6(bracketed: string): string | undefined {
  return URL.canParse(`http://${bracketed}/`) ? new URL(`http://${bracketed}/`).hostname : undefined
}
