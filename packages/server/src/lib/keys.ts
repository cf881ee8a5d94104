import { createHash, hkdfSync, randomBytes } from 'node:crypto'

/** What a key is for. Each purpose has its own key, so one use can never stand in for another. */
export type Purpose = 'access' | 'refresh' | 'successor' | 'cursor' | 'throttle'

/** One generation of keys, all derived from one SECRET_KEY (HKDF, RFC 5869). */
export interface Keys {
  /** Names the generation in a token's header; says nothing about the secret. */
  kid: string
  key(purpose: Purpose): Buffer
}

/** The keys that sign now, and the generations that still verify (the present one first). */
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

/** How a secret is stored. Plain SHA-256 is enough: there are 256 bits to guess. */
export function hashSecret(secret: string): Buffer {
  return createHash('sha256').update(secret).digest()
}

/** Why this SECRET_KEY must not be used in production, or undefined where it may. */
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
