import { parse } from 'tldts'
import { weakSecret } from '../lib/keys.ts'
import type { settings } from './settings.ts'

type Settings = typeof settings

// Not the type of config.ts, which imports this file.
type Values = { readonly [K in keyof Settings]?: ReturnType<Settings[K]['parse']> | undefined } & {
  readonly production: boolean
}

interface Rule {
  setting: keyof Values
  /** What is wrong with the setting, and what to do. Undefined if nothing is. */
  fault(config: Values): string | undefined
}

/** A line for each setting that undoes a promise of production, although its value is well-formed. */
export function productionFaults(config: Values, missing: readonly string[]): string[] {
  const absent = missing.map((name) => `${name} is required in production`)
  return [...absent, ...linesOf(rules, config)]
}

/** What a server in production should not be given, although it can serve with it. */
export function productionWarnings(config: Values): string[] {
  return config.production ? linesOf(serverRules, config) : []
}

function linesOf(all: readonly Rule[], config: Values): string[] {
  return all.flatMap(({ setting, fault }) => {
    // A malformed setting has no value, and is reported by its parser.
    const found = config[setting] === undefined ? undefined : fault(config)
    return found === undefined ? [] : [`${setting} ${found}`]
  })
}

const rules: readonly Rule[] = [
  { setting: 'SECRET_KEY', fault: ({ SECRET_KEY }) => weakness(SECRET_KEY) },
  { setting: 'SECRET_KEY_PREVIOUS', fault: ({ SECRET_KEY_PREVIOUS: it }) => weakness(it) },
  {
    setting: 'SECRET_KEY_PREVIOUS',
    fault: ({ SECRET_KEY, SECRET_KEY_PREVIOUS: previous }) =>
      previous !== undefined && previous === SECRET_KEY
        ? 'equals SECRET_KEY, so nothing was rotated: unset it, or set SECRET_KEY to a new key'
        : undefined,
  },
  {
    setting: 'RATE_LIMIT',
    fault: ({ RATE_LIMIT }) => (RATE_LIMIT === 'off' ? 'must not be off in production' : undefined),
  },
  {
    setting: 'TRUST_PROXY',
    fault: ({ TRUST_PROXY }) =>
      TRUST_PROXY?.some(([base, bits]) => bits < (base.kind() === 'ipv4' ? 8 : 7))
        ? 'trusts most of the Internet, so that any client can choose its address: name your proxies'
        : undefined,
  },
  {
    setting: 'BASE_DOMAINS',
    fault: ({ BASE_DOMAINS = [] }) => {
      const found = BASE_DOMAINS.filter(isPublicSuffix)
      return found.length === 0
        ? undefined
        : `has the public suffix ${found.join(', ')}, under which anyone registers names: write your own domain`
    },
  },
  {
    setting: 'PUBLIC_ORIGIN',
    fault: ({ PUBLIC_ORIGIN = '' }) =>
      PUBLIC_ORIGIN.startsWith('http:')
        ? 'must begin with https: in production, because its links carry secrets'
        : undefined,
  },
  {
    setting: 'PUBLIC_ORIGIN',
    fault: ({ PUBLIC_ORIGIN }) =>
      PUBLIC_ORIGIN === undefined || PUBLIC_ORIGIN.includes('{tenant}')
        ? undefined
        : 'must contain {tenant}, such as https://{tenant}.example.com: links of all tenants would lead to one host',
  },
  { setting: 'RESET_URL', fault: resetUrlFault },
  {
    setting: 'METRICS_HOST',
    fault: ({ METRICS_PORT, METRICS_HOST, METRICS_TOKEN }) =>
      METRICS_PORT === undefined || METRICS_TOKEN !== undefined || isLoopback(METRICS_HOST)
        ? undefined
        : 'lets every machine read the metrics: set METRICS_TOKEN, or METRICS_HOST=127.0.0.1',
  },
]

// Code that an attacker runs in a server can read its environment.
const serverRules: readonly Rule[] = (
  ['DB_OWNER_URL', 'DB_PLATFORM_URL', 'DB_ADMIN_URL'] as const
).map((setting) => ({
  setting,
  fault: ({ [setting]: url }) =>
    url === undefined
      ? undefined
      : 'is in the environment of a server, which never uses it: give it to the command that needs it only',
}))

function weakness(secret: string | undefined): string | undefined {
  const found = secret === undefined ? undefined : weakSecret(secret)
  return found === undefined ? undefined : `${found}; generate one with: openssl rand -base64 48`
}

function isPublicSuffix(domain: string): boolean {
  const { publicSuffix, isIcann, isPrivate } = parse(domain, { allowPrivateDomains: true })
  return publicSuffix === domain && (isIcann === true || isPrivate === true)
}

// The link carries the secret that sets a person's password.
function resetUrlFault({ RESET_URL = '', BASE_DOMAINS = [] }: Values): string | undefined {
  if (RESET_URL.startsWith('{origin}/')) return undefined
  const { protocol, hostname } = new URL(RESET_URL.replaceAll('{tenant}', 'tenant'))
  if (protocol !== 'https:')
    return 'must begin with https: in production, because it carries a secret'
  const isOwn = BASE_DOMAINS.some((it) => hostname === it || hostname.endsWith(`.${it}`))
  return isOwn ? undefined : `leads to ${hostname}, which is not under BASE_DOMAINS`
}

function isLoopback(host = ''): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host)
}
