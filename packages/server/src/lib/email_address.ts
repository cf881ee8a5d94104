import { domainToASCII, domainToUnicode } from 'node:url'
import { z } from 'zod'

/**
 * The canonical form of an e-mail address: trimmed, NFKC, lower case, its domain in Unicode. Users are looked up and
 * attempts are limited by it. Undefined unless the text is a plain `local@domain` (ASVS 6.2). Quotes, comments,
 * lists and control characters are rejected, so that every mail library reads the same recipient.
 */
export function emailKey(email: string): string | undefined {
  const text = email.trim().normalize('NFKC').toLowerCase()
  const at = text.lastIndexOf('@') + 1
  const key = text.slice(0, at) + canonicalDomain(text.slice(at))
  return key.length <= 254 && EMAIL.test(key) ? key : undefined
}

// `domainToASCII` reads a host of a URL: it would end the name at `/`, decode `%65` and drop invisible characters, and
// a mail would go to another domain than the one that is compared.
const DOMAIN = /^[\p{L}\p{N}\p{M}.。-]*$/u

// `bücher.example` and `xn--bcher-kva.example` are one domain (RFC 5891). Empty for invalid Punycode.
function canonicalDomain(domain: string): string {
  if (!DOMAIN.test(domain)) return ''
  const isPlain = /^[a-z0-9.-]*$/.test(domain) && !/(^|\.)xn--/.test(domain)
  return isPlain ? domain : domainToUnicode(domainToASCII(domain))
}

const EMAIL =
  /^[\p{L}\p{N}.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[\p{L}\p{N}](?:[\p{L}\p{N}-]{0,61}[\p{L}\p{N}])?\.)+[\p{L}\p{N}-]{2,63}$/u

/** An e-mail address in an input, as the client wrote it. */
export const emailAddress = z
  .string()
  .max(320)
  .refine((it) => emailKey(it) !== undefined, 'must be an e-mail address')

/** The sender of mails: a name, which may be empty, and an address. */
interface MailSender {
  name: string
  address: string
}

/** Reads `Example <no-reply@example.com>`, or an address alone. */
export function mailSenderOf(text: string): MailSender {
  const [, name = '', address = text] = /^(.*)<([^<>]+)>\s*$/.exec(text) ?? []
  return { name: name.trim().replaceAll(/^"|"$/g, ''), address: address.trim() }
}
