import { createHash, createHmac, pbkdf2, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { verify as verifyArgon2 } from '@node-rs/argon2'
import { verify as verifyBcrypt } from '@node-rs/bcrypt'

/** Checks a password, as text, against one hash. */
export type HashCheck = (password: string) => Promise<boolean>

/**
 * The check of a stored hash: argon2, bcrypt, and what passlib, Django, Spring Security and Dovecot make of
 * them and of PBKDF2. Undefined for any other text, and for a hash that costs more than the limits below: one
 * guess at it would occupy a thread for seconds, or the memory of the server.
 */
export function hashCheckOf(stored: string): HashCheck | undefined {
  const hash = stored.replace(PREFIX, '')
  for (const read of [argon2, bcrypt, djangoBcrypt, passlibBcrypt, djangoPbkdf2, passlibPbkdf2]) {
    const check = read(hash)
    if (check !== undefined) return check
  }
  return undefined
}

/** The most that a hash may cost: about a second of one thread. */
export const MAX_COST = {
  /** KiB of argon2, and these times its passes. */
  memory: 262_144,
  memoryTimesPasses: 1_048_576,
  parallelism: 16,
  bcrypt: 14,
  iterations: 2_000_000,
} as const

// Spring Security and Dovecot name the scheme in braces, Django before the hash. `{CRYPT}` may be any scheme
// of crypt(3): what follows decides.
const PREFIX =
  /^(?:\{(?:bcrypt|BLF-CRYPT|CRYPT|argon2|ARGON2ID|ARGON2I|argon2@SpringSecurity_v5_[28])\}|argon2(?=\$argon2)|bcrypt\$(?=\$2))/

const ARGON2 =
  /^\$argon2(?:id|i|d)\$(?:v=(?:16|19)\$)?m=(\d{1,7}),t=(\d{1,7}),p=(\d{1,3})\$[\w+/]{11,128}\$[\w+/]{16,128}$/

function argon2(hash: string): HashCheck | undefined {
  const parts = ARGON2.exec(hash)?.slice(1).map(Number)
  if (parts === undefined) return undefined
  const [memory = 0, passes = 0, parallelism = 0] = parts
  const isTooCostly =
    memory > MAX_COST.memory ||
    memory * passes > MAX_COST.memoryTimesPasses ||
    parallelism > MAX_COST.parallelism
  // The least that RFC 9106 (3.1) accepts.
  const isValid = passes >= 1 && parallelism >= 1 && memory >= 8 * parallelism
  return isTooCostly || !isValid ? undefined : (password) => verifyArgon2(hash, password)
}

const BCRYPT = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/

function bcrypt(hash: string): HashCheck | undefined {
  const [, cost = ''] = BCRYPT.exec(hash) ?? []
  return isBcryptCost(cost) ? (password) => verifyBcrypt(password, hash) : undefined
}

function isBcryptCost(cost: string): boolean {
  return Number(cost) >= 4 && Number(cost) <= MAX_COST.bcrypt
}

// bcrypt ignores everything after 72 bytes, so that Django and passlib hash the password first.
function djangoBcrypt(hash: string): HashCheck | undefined {
  const check = hash.startsWith('bcrypt_sha256$$2') ? bcrypt(hash.slice(14)) : undefined
  return check && ((password) => check(createHash('sha256').update(password).digest('hex')))
}

// v1: $bcrypt-sha256$2b,12$<salt>$<digest>; v2: $bcrypt-sha256$v=2,t=2b,r=12$<salt>$<digest>
function passlibBcrypt(hash: string): HashCheck | undefined {
  const parts =
    /^\$bcrypt-sha256\$(v=2,t=)?(2[ab]),(?:r=)?(\d{1,2})\$([./\w]{22})\$([./\w]{31})$/.exec(hash)
  if (parts === null) return undefined
  const [, version2, type, rounds = '', salt = '', digest] = parts
  const check = bcrypt(`$${type}$${rounds.padStart(2, '0')}$${salt}${digest}`)
  return (
    check &&
    ((password) =>
      check(
        version2 === undefined
          ? createHash('sha256').update(password).digest('base64')
          : createHmac('sha256', salt).update(password).digest('base64'),
      ))
  )
}

// pbkdf2_sha256$<iterations>$<salt as text>$<base64>
function djangoPbkdf2(hash: string): HashCheck | undefined {
  const parts = /^pbkdf2_(sha256|sha1)\$(\d{1,7})\$([^$]{1,128})\$([\w+/]{27,44}=?)$/.exec(hash)
  if (parts === null) return undefined
  const [, digest = '', iterations, salt = '', key = ''] = parts
  return checkPbkdf2(digest, Number(iterations), Buffer.from(salt), Buffer.from(key, 'base64'))
}

// $pbkdf2-sha256$<iterations>$<salt>$<key>, in base64 with "." for "+"; without a digest it is SHA-1.
function passlibPbkdf2(hash: string): HashCheck | undefined {
  const parts = /^\$pbkdf2(?:-(sha256|sha512))?\$(\d{1,7})\$([./\w]{1,170})\$([./\w]{27,86})$/.exec(
    hash,
  )
  if (parts === null) return undefined
  const [, digest = 'sha1', iterations, salt = '', key = ''] = parts
  const bytes = (text: string) => Buffer.from(text.replaceAll('.', '+'), 'base64')
  return checkPbkdf2(digest, Number(iterations), bytes(salt), bytes(key))
}

const BYTES: Readonly<Record<string, number>> = { sha1: 20, sha256: 32, sha512: 64 }
const derive = promisify(pbkdf2)

function checkPbkdf2(
  digest: string,
  iterations: number,
  salt: Buffer,
  key: Buffer,
): HashCheck | undefined {
  // A shorter key would be easier to hit, and one of no bytes would fit every password.
  const isRight = key.length === BYTES[digest] && iterations >= 1
  if (!isRight || iterations > MAX_COST.iterations) return undefined
  return async (password) =>
    timingSafeEqual(await derive(password, salt, iterations, key.length, digest), key)
}
