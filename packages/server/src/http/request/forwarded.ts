import type { IncomingMessage } from 'node:http'
import { isIP, isIPv4 } from 'node:net'
import ipaddr from 'ipaddr.js'
import type { Network } from '../../config/parsers.ts'
import { canonicalHost } from '../../lib/net/hostname.ts'
import { rawValues } from '../../lib/net/raw_headers.ts'
import { type ForwardedHop, parseForwarded } from './forwarded_header.ts'
import { invalidHost } from './invalid_host.ts'

/** The client's address and the host of a request, after forwarded headers are considered. */
export interface Origin {
  /** The Host to resolve: raw text, not yet canonical. */
  host: string
  /** The client's address: the peer, or the nearest hop that is not a trusted proxy. */
  address: string
  /** Did a trusted proxy forward it? */
  viaProxy: boolean
}

/**
 * Reads origin and host. `X-Forwarded-*` and `Forwarded` (RFC 7239) count only if the socket's peer
 * is a trusted proxy. Throws 400 if host headers are missing, repeated or contradictory.
 */
export function originOf(request: IncomingMessage, target: string, trusted: Network[]): Origin {
  const peer = plainAddress(request.socket.remoteAddress ?? '')
  const [direct = '', another] = rawValues(request.rawHeaders, 'host')
  if (direct === '' || another !== undefined) throw invalidHost()
  if (!target.startsWith('/')) assertTargetAgrees(target, direct)
  if (trusted.length === 0 || !isTrusted(peer, trusted))
    return { host: direct, address: peer, viaProxy: false }
  const forwarded = valuesOf(request, 'forwarded').flatMap(parseForwarded)
  return {
    host: forwardedHost(request, forwarded) ?? direct,
    address: nearestUntrusted([...forwardedFor(request, forwarded), peer], trusted),
    viaProxy: true,
  }
}

/** The client's address alone. Where the host or a forwarded header is malformed, it is the peer's. */
export function clientAddressOf(request: IncomingMessage, trusted: Network[]): string {
  const peer = plainAddress(request.socket.remoteAddress ?? '')
  if (trusted.length === 0 || !isTrusted(peer, trusted)) return peer
  try {
    const forwarded = valuesOf(request, 'forwarded').flatMap(parseForwarded)
    return nearestUntrusted([...forwardedFor(request, forwarded), peer], trusted)
  } catch {
    return peer
  }
}

/** How a request reached the host that it names, as its browser sees it. */
export interface OwnOrigin {
  /** `https://acme.example.com`, without a default port. */
  text: string
  isHttps: boolean
  /** Is the host a name of this machine: localhost, a name under it, or a loopback address? */
  isLoopback: boolean
}

/**
 * The origin of a request's own host. Only a trusted proxy can say that the request came by https: this
 * server itself speaks http. Throws 400 like originOf.
 */
export function ownOriginOf(
  request: IncomingMessage,
  target: string,
  trusted: Network[],
): OwnOrigin {
  const { host, viaProxy } = originOf(request, target, trusted)
  const isHttps = viaProxy && forwardedProto(request) === 'https'
  const name = canonicalHost(host)
  if (name === undefined) throw invalidHost()
  const port = portOf(host, isHttps ? '443' : '80')
  const suffix = port === (isHttps ? '443' : '80') ? '' : `:${port}`
  const isLoopback = /^(localhost|.+\.localhost|127\.0\.0\.1|\[::1\])$/.test(name)
  return { text: `${isHttps ? 'https' : 'http'}://${name}${suffix}`, isHttps, isLoopback }
}

// The client's own hop comes first. A client that forges it deceives only itself.
function forwardedProto(request: IncomingMessage): string | undefined {
  const [first] = valuesOf(request, 'x-forwarded-proto').flatMap((it) => it.split(','))
  const proto = first ?? valuesOf(request, 'forwarded').flatMap(parseForwarded)[0]?.proto
  return proto?.trim().toLowerCase()
}

/** The path by which a request is routed. An absolute-form target loses its authority (RFC 9112, 3.2.2). */
export function routedPath({ url = '/' }: Pick<IncomingMessage, 'url'>): string {
  if (url.startsWith('/')) return url
  const path = url.replace(/^https?:\/\/[^/?#]*/i, '')
  return url === path || path.startsWith('/') ? path : `/${path}`
}

/** Does the socket's peer belong to one of these networks? Headers do not count. */
export function isTrustedPeer(request: IncomingMessage, trusted: Network[]): boolean {
  return isTrustedAddress(request.socket.remoteAddress ?? '', trusted)
}

/** Does the address of a socket's peer belong to one of these networks? */
export function isTrustedAddress(address: string, trusted: Network[]): boolean {
  return trusted.length > 0 && isTrusted(plainAddress(address), trusted)
}

function valuesOf({ rawHeaders }: IncomingMessage, name: string): string[] {
  return rawValues(rawHeaders, name)
}

// An absolute-form target overrides Host (RFC 9112, 3.2.2); one that contradicts it is an attack.
function assertTargetAgrees(target: string, host: string) {
  if (target === '*') return
  const [, scheme = '', authority = ''] = /^(https?):\/\/([^/?#]*)/i.exec(target) ?? []
  const usual = scheme.toLowerCase() === 'https' ? '443' : '80'
  if (!isSameHost(authority, host) || portOf(authority, usual) !== portOf(host, usual)) {
    throw invalidHost()
  }
}

function portOf(authority: string, usual: string): string {
  return String(Number(/:(\d+)$/.exec(authority)?.[1] ?? usual))
}

// Each proxy of a chain adds its value. They must name one host; its spelling and port may differ. A
// value that stands alone is returned as it is: the host parser rejects a malformed one.
function forwardedHost(request: IncomingMessage, forwarded: ForwardedHop[]): string | undefined {
  const standard = forwarded.at(-1)?.host
  const values = valuesOf(request, 'x-forwarded-host').flatMap((it) => it.split(','))
  if (standard !== undefined) values.push(standard)
  const [first, ...others] = values.map((it) => it.trim())
  if (first === undefined) return undefined
  if (!others.every((it) => isSameHost(it, first))) throw invalidHost()
  return first
}

function isSameHost(a: string, b: string): boolean {
  const host = canonicalHost(a)
  return host !== undefined && host === canonicalHost(b)
}

function forwardedFor(request: IncomingMessage, forwarded: ForwardedHop[]): string[] {
  const values = valuesOf(request, 'x-forwarded-for')
  const hops = values.length > 0 ? values.join(',').split(',') : forwarded.map((it) => it.for ?? '')
  return hops.map(withoutPort)
}

// From the nearest hop outwards: each trusted proxy vouches for the hop before it.
function nearestUntrusted(hops: string[], trusted: Network[]): string {
  let nearest = hops.at(-1) ?? ''
  for (const hop of hops.toReversed()) {
    if (isIP(hop) === 0) return nearest
    nearest = plainAddress(hop)
    if (!isTrusted(nearest, trusted)) return nearest
  }
  return nearest
}

function isTrusted(address: string, trusted: Network[]): boolean {
  if (trusted.length === 0 || !ipaddr.isValid(address)) return false
  const parsed = ipaddr.process(address)
  return trusted.some(([base, bits]) => parsed.kind() === base.kind() && parsed.match(base, bits))
}

/** One form per address: v4-mapped IPv6 becomes IPv4, zones are dropped. */
function plainAddress(address: string): string {
  if (isIPv4(address)) return address
  const withoutZone = address.replace(/%.*$/, '')
  return ipaddr.isValid(withoutZone) ? ipaddr.process(withoutZone).toString() : ''
}

function withoutPort(hop: string): string {
  const trimmed = hop.trim()
  const bracketed = /^\[([^\]]+)\](?::\d+)?$/.exec(trimmed)
  if (bracketed?.[1] !== undefined) return bracketed[1]
  return /^[\d.]+:\d+$/.test(trimmed) ? trimmed.replace(/:\d+$/, '') : trimmed
}
