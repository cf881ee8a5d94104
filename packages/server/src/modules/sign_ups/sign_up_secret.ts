import { createHash, createHmac } from 'node:crypto'
import type { KeyRing, Keys } from '../../lib/keys.ts'
import { mailedSecret } from '../../mail/mailed_secret.ts'

/**
 * The short code of a sign-up, for a person who reads the mail on another device. It follows from the token,
 * which no row contains, so that each repetition of the mail has the same.
 */
export function codeOf(token: string): string {
  const digest = createHash('sha256').update(`code ${token}`).digest()
  // 48 bits, so that no code is noticeably more likely.
  return String(digest.readUIntBE(0, 6) % 1_000_000).padStart(6, '0')
}

/** What is stored of a code: without the key, a million codes could be tried in a second. */
export function codeMac(keys: Keys, signUpId: string, code: string): Buffer {
  return createHmac('sha256', keys.key('code')).update(`${signUpId} ${code}`).digest()
}

/** The secrets of a new sign-up. */
export function newSignUpSecrets({ current }: KeyRing, id: string) {
  const token = mailedSecret({ current, accepted: [current] }, id)
  return { token, code_mac: codeMac(current, id, codeOf(token)) }
}
