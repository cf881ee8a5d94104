import { getDomain, parse } from 'tldts'
import { weakSecret } from '../lib/keys.ts'
import type { settings } from './settings.ts'

type Settings = typeof settings

// Not the type of config.ts, which imports this file.
type Values = { readonly [K in keyof Settings]?: ReturnType<Settings[K]['parse']> | undefined } & {
  readonly production: boolean
}

interface Rule {
  setting: keyof Values
  /** A setting whose absence would be the fault. A malformed one is not absent, and is reported by its parser. */
  needs?: keyof Values
  /** What is wrong with the setting, and what to do. Undefined if nothing is. */
  fault(config: Values): string | undefined
}

/** A line for each setting that undoes a promise of production, although its value is well-formed. */
export function productionFaults(
  config: Values,
  { missing, malformed }: { missing: readonly string[]; malformed: readonly string[] },
): string[] {
  const absent = missing.map((name) => `${name} is required in production`)
  const judged = rules.filter(({ needs }) => needs === undefined || !malformed.includes(needs))
  return [...absent, ...linesOf(judged, config)]
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

// The links of mails, each of which carries a secret.
const links = ['RESET_URL', 'INVITATION_URL', 'EMAIL_URL', 'SIGN_UP_URL'] as const

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
    setting: 'EMAIL_VERIFICATION',
    needs: 'SMTP_URL',
    fault: ({ EMAIL_VERIFICATION, SMTP_URL }) =>
      EMAIL_VERIFICATION === 'required' && SMTP_URL === undefined
        ? 'is required, but without SMTP_URL no code can be mailed: set SMTP_URL, or EMAIL_VERIFICATION=optional'
        : undefined,
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
  { setting: 'PUBLIC_ORIGIN', fault: foreignOriginFault },
  {
    setting: 'APP_HOST',
    fault: ({ APP_HOST = '', BASE_DOMAINS = [] }) =>
      BASE_DOMAINS.length === 0 || belongsTo(APP_HOST, BASE_DOMAINS)
        ? undefined
        : `is ${APP_HOST}, which belongs to none of BASE_DOMAINS`,
  },
  ...links.map((setting): Rule => ({ setting, fault: (config) => linkFault(config, setting) })),
  {
    setting: 'SIGN_UP',
    needs: 'SMTP_URL',
    fault: ({ SIGN_UP, SMTP_URL }) =>
      SIGN_UP === 'on' && SMTP_URL === undefined
        ? 'is on, but no code can be mailed without SMTP_URL: set SMTP_URL, or SIGN_UP=off'
        : undefined,
  },
  {
    setting: 'METRICS_TOKEN',
    fault: ({ METRICS_TOKEN, SECRET_KEY, SECRET_KEY_PREVIOUS }) =>
      [SECRET_KEY, SECRET_KEY_PREVIOUS].includes(METRICS_TOKEN)
        ? 'equals SECRET_KEY, so that each scraper can sign tokens: generate one with: openssl rand -hex 32'
        : undefined,
  },
  {
    setting: 'METRICS_HOST',
    needs: 'METRICS_TOKEN',
    fault: ({ METRICS_PORT, METRICS_HOST, METRICS_TOKEN }) =>
      METRICS_PORT === undefined || METRICS_TOKEN !== undefined || isLoopback(METRICS_HOST)
        ? undefined
        : 'lets every machine read the metrics: set METRICS_TOKEN, or METRICS_HOST=127.0.0.1',
  },
]

// Code that an attacker runs in a server can read its environment.
const privileged = ['DB_OWNER_URL', 'DB_PLATFORM_URL', 'DB_BACKUP_URL', 'DB_ADMIN_URL'] as const

const serverRules: readonly Rule[] = [
  ...privileged.map(
    (setting): Rule => ({
      setting,
      fault: ({ [setting]: url }) =>
        url === undefined
          ? undefined
          : 'is in the environment of a server, which never uses it: give it to the command that needs it only',
    }),
  ),
  ...links.map(
    (setting): Rule => ({
      setting,
      fault: ({ [setting]: url = '', WEB = [], SIGN_UP }) =>
        url.startsWith('{origin}/auth/') &&
        !WEB.includes('auth') &&
        (setting !== 'SIGN_UP_URL' || SIGN_UP === 'on')
          ? 'leads to a page that WEB leaves out: name a page of your own, or add auth to WEB'
          : undefined,
    }),
  ),
]

function weakness(secret: string | undefined): string | undefined {
  const found = secret === undefined ? undefined : weakSecret(secret)
  return found === undefined ? undefined : `${found}; generate one with: openssl rand -base64 48`
}

function isPublicSuffix(domain: string): boolean {
  const { publicSuffix, isIcann, isPrivate } = parse(domain, { allowPrivateDomains: true })
  return publicSuffix === domain && (isIcann === true || isPrivate === true)
}

// Reset links lead there. A front end may have a domain beside the API's: ui.example.com, api.example.com.
function foreignOriginFault({ PUBLIC_ORIGIN = '', BASE_DOMAINS = [] }: Values): string | undefined {
  const { hostname } = new URL(PUBLIC_ORIGIN.replaceAll('{tenant}', 'tenant'))
  const isOwn = belongsTo(hostname, BASE_DOMAINS)
  // A public suffix is reported, and says nothing about the origin.
  return isOwn || BASE_DOMAINS.length === 0 || BASE_DOMAINS.some(isPublicSuffix)
    ? undefined
    : `leads to ${hostname}, which belongs to none of BASE_DOMAINS`
}

function belongsTo(host: string, domains: readonly string[]): boolean {
  return domains.some(
    (it) => `.${host}`.endsWith(`.${it}`) || registrable(host) === registrable(it),
  )
}

// Two names without one, such as IP addresses, do not belong together.
function registrable(host: string): string | symbol {
  return getDomain(host, { allowPrivateDomains: true }) ?? Symbol(host)
}

function linkFault(config: Values, link: (typeof links)[number]): string | undefined {
  const { [link]: url = '', BASE_DOMAINS = [] } = config
  if (url.startsWith('{origin}/')) return undefined
  const { protocol, hostname } = new URL(url.replaceAll('{tenant}', 'tenant'))
  if (protocol !== 'https:')
    return 'must begin with https: in production, because it carries a secret'
  const isOwn = BASE_DOMAINS.some((it) => hostname === it || hostname.endsWith(`.${it}`))
  return isOwn ? undefined : `leads to ${hostname}, which is not under BASE_DOMAINS`
}

function isLoopback(host = ''): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host)
}
