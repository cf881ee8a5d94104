import { domainToASCII, domainToUnicode } from 'node:url'
import { ClockCache, type ClockEntry } from './clock_cache.ts'

/** Which tenant a Host asks for, before anybody looked whether there is one. */
export type HostMatch =
  | { kind: 'subdomain'; subdomain: string }
  | { kind: 'domain'; domain: string }
  | { kind: 'unknown' }

type HostSettings = { BASE_DOMAINS: string[]; DEFAULT_DEV_TENANT: string | undefined }

const MAX_REMEMBERED = 5_000

/**
 * Reads Host values: which tenant each asks for, undefined where it is malformed. What a text asks for
 * is always the same, so the last ones are remembered.
 */
export function createHostParser(config: HostSettings): (host: string) => HostMatch | undefined {
  const read = new ClockCache<ClockEntry & { claim: HostMatch }>(MAX_REMEMBERED)
  return (text) => {
    const known = read.get(text)
    if (known !== undefined) return known.claim
    const host = canonicalHost(text)
    if (host === undefined) return undefined
    const claim = matchHost(host, config)
    read.set(text, { claim, used: false })
    return claim
  }
}

const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/
const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]'])

/**
 * The one canonicaliser: lower-case LDH labels (RFC 1123), one trailing dot stripped, A-labels only
 * where they are valid punycode. Undefined where the name is malformed.
 */
export function canonicalName(name: string): string | undefined {
  // ASCII first: lower-casing makes a "k" of the Kelvin sign.
  const canonical = /^[\x21-\x7e]+$/.test(name) ? name.toLowerCase().replace(/\.$/, '') : ''
  if (canonical.length === 0 || canonical.length > 253) return undefined
  return canonical.split('.').every(isLabel) ? canonical : undefined
}

/**
 * Reads a Host value: name or bracketed IPv6 address, with an optional port. Gives the canonical
 * name without the port, or undefined where it is malformed (RFC 9112, 3.2).
 */
export function canonicalHost(host: string): string | undefined {
  const parts = /^(\[[0-9a-f:.]{2,45}\]|[a-z0-9.-]{1,254})(?::(\d{1,5}))?$/i.exec(host)
  if (parts === null) return undefined
  const [, name = '', port = '80'] = parts
  if (Number(port) > 65_535) return undefined
  return name.startsWith('[') ? canonicalIpv6(name) : canonicalName(name)
}

/** Which tenant a canonical host asks for. Nothing falls back: what fits no rule is nobody's. */
export function matchHost(host: string, config: HostSettings): HostMatch {
  if (LOOPBACK.has(host)) {
    const subdomain = config.DEFAULT_DEV_TENANT
    return subdomain === undefined ? { kind: 'unknown' } : { kind: 'subdomain', subdomain }
  }
  const base = nearestBase(host, config.BASE_DOMAINS)
  if (base !== undefined) return underBase(host.slice(0, -base.length))
  return host.startsWith('[') ? { kind: 'unknown' } : { kind: 'domain', domain: host }
}

// Where one base domain lies under another, the longer one is meant.
function nearestBase(host: string, bases: string[]): string | undefined {
  return bases
    .filter((base) => host === base || host.endsWith(`.${base}`))
    .sort((a, b) => b.length - a.length)[0]
}

/** `labels` keeps its trailing dot; it is empty for the base domain itself. */
function underBase(labels: string): HostMatch {
  const label = labels.slice(0, -1)
  return label === '' || label.includes('.')
    ? { kind: 'unknown' }
    : { kind: 'subdomain', subdomain: label }
}

function isLabel(label: string): boolean {
  if (!LABEL.test(label)) return false
  // "--" in third and fourth place is reserved (RFC 5891); only valid punycode may use it.
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
