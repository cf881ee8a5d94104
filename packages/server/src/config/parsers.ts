/** Settings as data: each with its default, its meaning and how its text becomes a value. */
import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'
import { canonicalName } from '../lib/hostname.ts'

export interface Setting<T> {
  /** What applies where nothing is set; undefined means "none". */
  fallback?: string
  secret?: boolean
  meaning: string
  parse(text: string): T
}

/** Thrown by a parser: what the value should be. */
export class SettingFault extends Error {}

export const text = (text: string) => text

export function integer(min: number, max: number) {
  return (text: string) => {
    const value = Number(text)
    if (!/^\d+$/.test(text) || value < min || value > max) {
      throw new SettingFault(`must be a whole number from ${min} to ${max}`)
    }
    return value
  }
}

export function oneOf<const T extends string>(...allowed: T[]) {
  return (text: string): T => {
    const found = allowed.find((it) => it === text)
    if (found === undefined) throw new SettingFault(`must be one of ${allowed.join(', ')}`)
    return found
  }
}

export function list<T>(parse: (item: string) => T) {
  return (text: string): T[] =>
    text
      .split(',')
      .map((it) => it.trim())
      .filter((it) => it !== '')
      .map(parse)
}

/** A PostgreSQL DSN; the seed's `postgresql+asyncpg://` is read as `postgresql://`. */
export function databaseUrl(text: string): string {
  const plain = text.replace(/^postgres(ql)?(\+\w+)?:\/\//, 'postgresql://')
  if (!plain.startsWith('postgresql://') || !URL.canParse(plain)) {
    throw new SettingFault('must look like postgresql://user:password@host:5432/database')
  }
  return plain
}

/** `https://app.example.com`: scheme, host and port, nothing behind. */
export function origin(text: string): string {
  if (!isHttpOrigin(text)) {
    throw new SettingFault('must be an exact origin such as https://app.example.com, no path, no *')
  }
  return text.toLowerCase()
}

function isHttpOrigin(text: string): boolean {
  const origin = text.toLowerCase()
  return /^https?:[^*]+$/.test(origin) && URL.canParse(origin) && new URL(origin).origin === origin
}

/** An address range: the address, and how many of its leading bits count. */
export type Network = readonly [ipaddr.IPv4 | ipaddr.IPv6, number]

export function baseDomain(name: string): string {
  const canonical = canonicalName(name)
  if (canonical === undefined) throw new SettingFault(`has a bad domain "${name}"`)
  return canonical
}

export function publicOrigin(text: string): string {
  if (!isHttpOrigin(text.replaceAll('{tenant}', 'tenant'))) {
    throw new SettingFault('must be an origin such as https://{tenant}.example.com')
  }
  return text
}

export function resetUrl(text: string): string {
  if (!text.includes('{token}') || !(text.startsWith('{origin}/') || URL.canParse(text))) {
    throw new SettingFault(
      'must be a URL with {token}, such as {origin}/reset-password#token={token}',
    )
  }
  return text
}

export function smtpUrl(text: string): string {
  if (!URL.canParse(text) || !/^smtps?:$/.test(new URL(text).protocol)) {
    throw new SettingFault('must look like smtp://user:password@host:587')
  }
  return text
}

export function httpUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username || url.password) {
    throw new SettingFault('must look like http://localhost:4318, without a user')
  }
  return text.replace(/\/+$/, '')
}

/** What an Authorization header can carry (RFC 6750, 2.1), and too long to be guessed. */
export function bearerToken(text: string): string {
  if (!/^[\w\-.~+/]{16,}=*$/.test(text)) {
    throw new SettingFault('must be 16 or more letters, digits and any of -._~+/')
  }
  return text
}

export function network(text: string): Network {
  try {
    return text.includes('/') ? range(text) : singleAddress(text)
  } catch {
    throw new SettingFault(`has a bad address "${text}"; write 10.0.0.1 or 10.0.0.0/8`)
  }
}

function range(text: string): Network {
  const [base, bits] = ipaddr.parseCIDR(text)
  assertPlain(text.slice(0, text.indexOf('/')))
  return [base, bits]
}

function singleAddress(text: string): Network {
  assertPlain(text)
  const address = ipaddr.process(text)
  return [address, address.kind() === 'ipv4' ? 32 : 128]
}

// ipaddr.js also reads 10 as 0.0.0.10 and 010.0.0.1 as 8.0.0.1: not what whoever wrote it meant.
function assertPlain(address: string): void {
  if (isIP(address) === 0) throw new Error('not an address')
}
