import { createHash, createHmac } from 'node:crypto'
import { hashSecret, type KeyRing, type Keys } from '../lib/keys.ts'

/**
 * The secret of a link that leaves by mail. It depends on an id alone, which the job of the mail has: each
 * repetition sends the same link, and no row contains the secret.
 */
export function mailedSecret({ current }: KeyRing, id: string): string {
  return secretWith(current, id)
}

/**
 * The secrets that the id may have, with their hashes: while SECRET_KEY is rotated, an older key may have
 * made it.
 */
export function mailedSecrets(
  { accepted }: KeyRing,
  id: string,
): { token: string; hash: Buffer }[] {
  return accepted.map((keys) => {
    const token = secretWith(keys, id)
    return { token, hash: hashSecret(token) }
  })
}

/**
 * The code of six digits that stands for a mailed secret where a person types it. It follows from the secret, so that
 * each repetition of the mail has the same, and no row contains it.
 */
export function mailedCode(token: string): string {
  // 48 bits, so that no code is noticeably more likely.
  const number = createHash('sha256').update(`code ${token}`).digest().readUIntBE(0, 6)
  return String(number % 1_000_000).padStart(6, '0')
}

function secretWith(keys: Keys, id: string): string {
  return createHmac('sha256', keys.key('mail')).update(id).digest('base64url')
}
