/** The parsers of settings. A parser throws an OperatorError that continues the setting's name. */
import { isIP } from 'node:net'
import { domainToASCII } from 'node:url'
import ipaddr from 'ipaddr.js'
import { emailKey, mailSenderOf } from '../lib/email_address.ts'
import { canonicalLocale } from '../lib/locale.ts'
import { canonicalName } from '../lib/net/hostname.ts'
import { OperatorError } from '../lib/operator_error.ts'

export interface Setting<T> {
  /** The value if the setting is not set; undefined means "none". */
  fallback?: string
  secret?: boolean
  /** The default suits every installation: listed under Tuning in docs/settings.md. */
  tuning?: boolean
  meaning: string
  parse(text: string): T
}

export const text = (text: string) => text

export function integer(min: number, max: number) {
  return (text: string) => {
    const value = Number(text)
    if (!/^\d+$/.test(text) || value < min || value > max) {
      throw new OperatorError(`must be a whole number from ${min} to ${max}`)
    }
    return value
  }
}

export function oneOf<const T extends string>(...allowed: T[]) {
  return (text: string): T => {
    const found = allowed.find((it) => it === text)
    if (found === undefined) throw new OperatorError(`must be one of ${allowed.join(', ')}`)
    return found
  }
}

/** A language tag in its canonical form. */
export function locale(text: string): string {
  const canonical = canonicalLocale(text)
  if (canonical === undefined) throw new OperatorError('must be a language tag such as en or pt-BR')
  return canonical
}

export function list<T>(parse: (item: string) => T) {
  return (text: string): T[] =>
    text
      .split(',')
      .map((it) => it.trim())
      .filter((it) => it !== '')
      .map(parse)
}

const SURFACES = ['auth', 'account', 'console'] as const

/** A group of pages under one path: `/auth`, `/account` or `/console`. */
export type Surface = (typeof SURFACES)[number]

export function surfaces(text: string): Surface[] {
  if (text.trim() === 'off') return []
  const names = list((it) => it)(text)
  const known = SURFACES.filter((it) => names.includes(it))
  if (known.length === 0 || known.length < new Set(names).size) {
    throw new OperatorError(`must be off, or a list of ${SURFACES.join(', ')}`)
  }
  return known
}

/**
 * A PostgreSQL DSN. The seed's `postgresql+asyncpg://` is read as `postgresql://`. User and password are
 * moved from the query to their usual place, where the code replaces them for other roles.
 */
export function databaseUrl(text: string): string {
  const plain = text
    .replace(/^postgres(ql)?(\+\w+)?:\/\//, 'postgresql://')
    // A socket's DSN has no host, but URL allows no user without one. The query's host takes precedence.
    .replace(/^(postgresql:\/\/[^/?#]+@)(?=\/)/, '$1localhost')
    .replace(/^(postgresql:\/\/)(?=\/.*[?&](host|user|password)=)/, '$1localhost')
  if (!plain.startsWith('postgresql://') || !URL.canParse(plain) || plain.includes('#')) {
    throw new OperatorError(
      'must look like postgresql://user:password@host:5432/database, ' +
        'with special characters of the password percent-encoded',
    )
  }
  return withUsualCredentials(plain)
}

function withUsualCredentials(dsn: string): string {
  const url = new URL(dsn)
  const { searchParams: query } = url
  const [user, password] = [query.get('user'), query.get('password')]
  if (user === null && password === null) return dsn
  if (user) url.username = encodeURIComponent(user)
  if (password) url.password = encodeURIComponent(password)
  query.delete('user')
  query.delete('password')
  return url.href
}

/** `https://app.example.com`: scheme, host and port, without a path, as browsers write an origin. */
export function origin(text: string): string {
  const canonical = canonicalOrigin(text)
  if (canonical === undefined) {
    throw new OperatorError(
      'must be an exact origin such as https://app.example.com, no path, no *',
    )
  }
  return canonical
}

// Two spellings of one origin differ in case, default port, trailing slash or Punycode (RFC 6454, 4).
function canonicalOrigin(text: string): string | undefined {
  if (!/^https?:\/\/[^/\\?#@*]+\/?$/i.test(text) || !URL.canParse(text)) return undefined
  return new URL(text).origin
}

/** A network: an address and its prefix length. */
export type Network = readonly [ipaddr.IPv4 | ipaddr.IPv6, number]

export function baseDomain(name: string): string {
  // A browser sends a host in Punycode, and a person writes a domain as it is read.
  const canonical = canonicalName(/[^ -~]/.test(name) ? domainToASCII(name) : name)
  if (canonical === undefined)
    throw new OperatorError(`has an invalid domain "${name}"; write names such as example.com`)
  return canonical
}

export function publicOrigin(text: string): string {
  const canonical = canonicalOrigin(text.replaceAll('{tenant}', TENANT_LABEL))
  if (canonical === undefined || canonical.includes('{')) {
    throw new OperatorError('must be an origin such as https://{tenant}.example.com')
  }
  return canonical.replaceAll(TENANT_LABEL, '{tenant}')
}

// Stands for `{tenant}`, which no host may contain, while an origin is parsed.
const TENANT_LABEL = 'tenant-placeholder'

/** A link that carries a secret, as `{token}`. It may have the placeholders of the example, and `others`. */
export function linkUrl(example: string, ...others: string[]): (text: string) => string {
  const known = [...placeholders(example), ...others]
  return (text) => {
    if (!text.includes('{token}') || !(text.startsWith('{origin}/') || URL.canParse(text))) {
      throw new OperatorError(`must be a URL with {token}, such as ${example}`)
    }
    const unknown = placeholders(text).find((it) => !known.includes(it))
    if (unknown === undefined) return text
    throw new OperatorError(
      `has ${unknown}, which nothing replaces; it may have ${known.join(', ')}`,
    )
  }
}

function placeholders(text: string): string[] {
  return text.match(/\{\w*\}/g) ?? []
}

export function smtpUrl(text: string): string {
  if (!URL.canParse(text) || !/^smtps?:$/.test(new URL(text).protocol)) {
    throw new OperatorError(
      'must look like smtp://user:password@host:587, ' +
        'with special characters of the password percent-encoded',
    )
  }
  return text
}

/** The address of MAIL_FROM may be of this machine or its network, such as `no-reply@localhost`. */
export function mailSender(text: string): string {
  const { address } = mailSenderOf(text)
  if (emailKey(address) === undefined && emailKey(`${address}.localhost`) === undefined) {
    throw new OperatorError('must be an address, or look like Example <no-reply@example.com>')
  }
  return text
}

export function mailAddress(text: string): string {
  const address = text.trim().normalize('NFKC')
  if (emailKey(address) === undefined) {
    throw new OperatorError('must be one e-mail address such as help@example.com, without a name')
  }
  return address
}

export function httpUrl(example: string): (text: string) => string {
  return (text) => {
    const url = URL.canParse(text) ? new URL(text) : undefined
    if (url === undefined || !/^https?:$/.test(url.protocol) || url.username || url.password) {
      throw new OperatorError(`must look like ${example}, without user and password`)
    }
    return text.replace(/\/+$/, '')
  }
}

/** A token that an Authorization header can carry (RFC 6750, 2.1) and that is too long to guess. */
export function bearerToken(text: string): string {
  if (!/^[\w\-.~+/]{16,}=*$/.test(text)) {
    throw new OperatorError('must be 16 or more letters, digits and any of -._~+/')
  }
  return text
}

export function network(text: string): Network {
  try {
    return text.includes('/') ? range(text) : singleAddress(text)
  } catch {
    throw new OperatorError(`has an invalid address "${text}"; write 10.0.0.1 or 10.0.0.0/8`)
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

// ipaddr.js also reads 10 as 0.0.0.10 and 010.0.0.1 as 8.0.0.1, which is not what the text means.
function assertPlain(address: string): void {
  if (isIP(address) === 0) throw new Error('not an address')
}
