import { createHmac } from 'node:crypto'
import type { KeyRing, Keys } from '../../lib/keys.ts'
import { mailedCode, mailedSecret } from '../../mail/mailed_secret.ts'

/** What is stored of a code: without the key, a million codes could be tried in a second. */
export function codeMac(keys: Keys, signUpId: string, code: string): Buffer {
  return createHmac('sha256', keys.key('code')).update(`${signUpId} ${code}`).digest()
}

/** The secrets of a new sign-up. */
export function newSignUpSecrets({ current }: KeyRing, id: string) {
  const token = mailedSecret({ current, accepted: [current] }, id)
  return { token, code_mac: codeMac(current, id, mailedCode(token)) }
}
