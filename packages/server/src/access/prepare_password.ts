/**
 * The form of a password that is hashed (RFC 8265, 4.2; NIST SP 800-63B, 3.1.1.2): NFC, every space a
 * plain one. Keyboards and browsers send one password in different forms.
 */
export function preparePassword(password: string): string {
  return password.replaceAll(/\p{Zs}/gu, ' ').normalize('NFC')
}

/**
 * The forms to check against a stored hash, the prepared one first. A hash may be imported, or older than
 * the preparation: it was made from the text as a client sent it.
 */
export function formsOf(password: string): [prepared: string, ...others: string[]] {
  const prepared = preparePassword(password)
  const others = new Set([password, password.normalize('NFC'), password.normalize('NFD')])
  others.delete(prepared)
  return [prepared, ...others]
}
