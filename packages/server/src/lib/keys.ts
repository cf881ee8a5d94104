import { createHash, hkdfSync, randomBytes } from 'node:crypto'

/** The purpose of a key. Each has its own key, so that a value made for one is not valid for another. */
export type Purpose =
  | 'access'
  | 'session'
  | 'refresh'
  | 'successor'
  | 'cursor'
  | 'attempt'
  | 'mail'
  | 'code'

/** One generation of keys, all derived from one SECRET_KEY (HKDF, RFC 5869). */
export interface Keys {
  /** Identifies the generation in a token's header. Reveals nothing about the secret. */
  kid: string
  key(purpose: Purpose): Buffer
}

/** The keys that sign, and all generations that still verify (the current one first). */
export interface KeyRing {
  current: Keys
  accepted: readonly Keys[]
}

/** Derives the key ring from SECRET_KEY and, during a rotation, SECRET_KEY_PREVIOUS. */
export function keyRing(secret: string, previous?: string): KeyRing {
  const current = deriveKeys(secret)
  const accepted = previous === undefined ? [current] : [current, deriveKeys(previous)]
  return { current, accepted }
}

/** A single-use secret: 256 random bits, URL-safe. */
export function randomSecret(): string {
  return randomBytes(32).toString('base64url')
}

/** The stored form of a secret. Plain SHA-256 is enough, because the secret has 256 random bits. */
export function hashSecret(secret: string): Buffer {
  return createHash('sha256').update(secret).digest()
}

/** The reason why production must not use this SECRET_KEY; undefined if it may. */
export function weakSecret(secret: string): string | undefined {
  if (Buffer.byteLength(secret) < 32) return 'is shorter than 32 bytes'
  if (new Set(secret).size < 10) return 'repeats a few characters'
  if (/change.?me|secret.?key|example|password|placeholder|your.?secret/i.test(secret)) {
    return 'is a well-known placeholder'
  }
  return undefined
}

function deriveKeys(secret: string): Keys {
  const derive = (purpose: string) =>
    Buffer.from(hkdfSync('sha256', secret, 'tenantry', purpose, 64))
  const cache = new Map<Purpose, Buffer>()
  return {
    kid: derive('kid').subarray(0, 6).toString('base64url'),
    key(purpose) {
      const key = cache.get(purpose) ?? derive(purpose)
      cache.set(purpose, key)
      return key
    },
  }
}
