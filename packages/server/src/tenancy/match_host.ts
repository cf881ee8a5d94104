import { ClockCache, type ClockEntry } from '../lib/cache/clock_cache.ts'
import { canonicalHost, isLoopbackHost } from '../lib/net/hostname.ts'

/**
 * What a Host names: a tenant, of which it is not known yet whether it exists, or APP_HOST, which belongs to
 * none. No two have one `key`.
 */
export type HostMatch = { key: string } & (
  | { kind: 'subdomain'; subdomain: string }
  | { kind: 'domain'; domain: string }
  | { kind: 'base' }
  | { kind: 'unknown' }
)

interface HostSettings {
  APP_HOST?: string
  BASE_DOMAINS: string[]
  DEFAULT_DEV_TENANT: string | undefined
}

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

/** The tenant that a canonical host names. A host that fits no rule is unknown; nothing falls back. */
export function matchHost(host: string, config: HostSettings): HostMatch {
  const { APP_HOST, DEFAULT_DEV_TENANT } = config
  const isLoopback = isLoopbackHost(host)
  if (isLoopback && DEFAULT_DEV_TENANT !== undefined) return ofSubdomain(DEFAULT_DEV_TENANT)
  // Before the base domains: APP_HOST may be a label under one of them.
  if (host === APP_HOST) return baseHost
  if (isLoopback) return unknownHost
  const base = nearestBase(host, config.BASE_DOMAINS)
  if (base !== undefined) return underBase(host.slice(0, -base.length))
  if (host.startsWith('[')) return unknownHost
  // The space keeps the keys of domains apart from those of subdomains, which are one label.
  return { kind: 'domain', domain: host, key: `domain ${host}` }
}

// No subdomain has a space in it.
const baseHost: HostMatch = { kind: 'base', key: 'base host' }
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
