/**
 * The canonical form of an e-mail address, the one users are looked up and throttled by: trimmed,
 * NFKC, lower case. Undefined for what is no plain `local@domain` (ASVS 6.2; no quotes, comments,
 * lists or control characters, so that every mail library reads the recipient we stored).
 */
export function emailKey(email: string): string | undefined {
  const key = email.trim().normalize('NFKC').toLowerCase()
  return key.length <= 254 && EMAIL.test(key) ? key : undefined
}

const EMAIL =
  /^[\p{L}\p{N}.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[\p{L}\p{N}](?:[\p{L}\p{N}-]{0,61}[\p{L}\p{N}])?\.)+[\p{L}\p{N}-]{2,63}$/u
