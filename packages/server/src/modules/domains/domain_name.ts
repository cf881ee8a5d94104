import { domainToASCII } from 'node:url'
import { parse } from 'tldts'
import type { Config } from '../../config/config.ts'
import { canonicalName } from '../../lib/net/hostname.ts'

/** The label below which the TXT record of a domain is. */
export const RECORD_LABEL = '_tenantry'
// With that label the name must still be one of the DNS.
const MAX_NAME = 253 - RECORD_LABEL.length - 1

type Settings = Pick<Config, 'BASE_DOMAINS' | 'PUBLIC_ORIGIN' | 'DOMAIN_TARGET'> & {
  APP_HOST?: string | undefined
}

/** The canonical form of a domain as a person writes it. Undefined for what is no host name. */
export function domainName(text: string): string | undefined {
  // domainToASCII() also decodes percent signs and reads numbers as addresses.
  if (!/^[a-z0-9.\-\u{80}-\u{10ffff}]+$/iu.test(text)) return undefined
  const canonical = canonicalName(/[^ -~]/.test(text) ? domainToASCII(text) : text)
  return canonical !== undefined && canonical.length <= MAX_NAME ? canonical : undefined
}

/** Why a tenant cannot have a domain, as the end of a sentence. Undefined if it can. */
export function domainFault(name: string, settings: Settings): string | undefined {
  if (isAddress(name)) return 'is an IP address: give a domain name'
  if (!name.includes('.')) return 'is not a whole domain name such as shop.example.com'
  if (isOwn(name, settings)) return 'belongs to this service: give a domain of your own'
  // For a suffix, and for a name of one label, there is no domain that someone has registered.
  if (parse(name, { allowPrivateDomains: true }).domain === null) {
    return 'is a public suffix, under which anyone registers names: give a domain of your own'
  }
  return undefined
}

// A URL reads a name whose last label is a number as an address, and so do some resolvers.
function isAddress(name: string): boolean {
  const last = name.split('.').at(-1) ?? ''
  return /^(\d+|0x[0-9a-f]*)$/.test(last)
}

function isOwn(name: string, { BASE_DOMAINS, PUBLIC_ORIGIN, ...settings }: Settings): boolean {
  const { hostname } = new URL(PUBLIC_ORIGIN.replaceAll('{tenant}', 'tenant'))
  if ([hostname, settings.APP_HOST, settings.DOMAIN_TARGET].includes(name)) return true
  return BASE_DOMAINS.some((it) => name === it || name.endsWith(`.${it}`))
}
