import { createHash, createHmac, pbkdf2, randomBytes } from 'node:crypto'
import { promisify } from 'node:util'

// PostgreSQL's default (scram_iterations). More iterations would slow down every new connection, and
// random passwords cannot be guessed anyway.
const ITERATIONS = 4096

/**
 * The verifier that PostgreSQL stores for a password (RFC 5803, RFC 7677). It is sent instead of the
 * password, because statements are logged. Throws if the password is not printable ASCII.
 */
export async function scramVerifier(password: string, salt = randomBytes(16)): Promise<string> {
  // Other characters would have to be normalized with SASLprep first, as every client does.
  if (!/^[\x21-\x7e]+$/.test(password)) {
    throw new Error('a password of a database role must be printable ASCII without spaces')
  }
  const salted = await promisify(pbkdf2)(password, salt, ITERATIONS, 32, 'sha256')
  const clientKey = hmac(salted, 'Client Key')
  const storedKey = createHash('sha256').update(clientKey).digest('base64')
  const serverKey = hmac(salted, 'Server Key').toString('base64')
  return `SCRAM-SHA-256$${ITERATIONS}:${salt.toString('base64')}$${storedKey}:${serverKey}`
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}
