/**
 * The canonical form of an e-mail address: trimmed, NFKC, lower case. Users are looked up and attempts
 * are limited by it. Undefined unless the text is a plain `local@domain` (ASVS 6.2). Quotes, comments,
 * lists and control characters are rejected, so that every mail library reads the same recipient.
 */
export function emailKey(email: string): string | undefined {
  const key = email.trim().normalize('NFKC').toLowerCase()
  return key.length <= 254 && EMAIL.test(key) ? key : undefined
}

const EMAIL =
  /^[\p{L}\p{N}.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[\p{L}\p{N}](?:[\p{L}\p{N}-]{0,61}[\p{L}\p{N}])?\.)+[\p{L}\p{N}-]{2,63}$/u
