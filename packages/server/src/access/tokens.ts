import { createHmac, type webcrypto } from 'node:crypto'
import { errors, type JWTPayload, jwtVerify } from 'jose'
import { z } from 'zod'
import type { Tenant } from '../app/context.ts'
import { newId } from '../lib/ids.ts'
import type { KeyRing, Keys } from '../lib/keys.ts'

/** The claims of a token. Permissions are never read from it: its `roles` are for display in clients. */
export interface AccessClaims {
  issuer: string
  audience: string
  tenantId: string
  sessionId: string
  userId: string
  /** Seconds since the epoch. */
  expiresAt: number
  /**
   * Only of the token in a session cookie: when it is next issued again, in seconds since the epoch. An
   * access token has none, which is how the two are distinguished.
   */
  renewAt: number | undefined
}

export interface RefreshClaims extends AccessClaims {
  jti: string
  /** The key generation that signed it, which also derives its successor. */
  keys: Keys
}

export interface Tokens {
  issueAccess(tenant: Tenant, subject: AccessSubject): string
  issueRefresh(tenant: Tenant, token: RefreshSubject): string
  /** The token of a session cookie. It names the session and ends with it at the latest. */
  issueSession(tenant: Tenant, subject: SessionSubject): string
  /** Undefined for an access token that is invalid or has expired. It does not check the tenant: see belongsTo in authenticate.ts. */
  verifyAccess(token: string): Promise<AccessClaims | undefined>
  /** The same for the token of a session cookie. */
  verifySession(token: string): Promise<AccessClaims | undefined>
  /** The same for a refresh token. 'expired' if only its time has passed. */
  verifyRefresh(token: string): Promise<RefreshClaims | 'expired' | undefined>
  /** The jti of the next refresh token: the same on every server and at every retry. */
  successorOf(claims: Pick<RefreshClaims, 'jti' | 'keys'>): string
  accessSeconds: number
}

export interface AccessSubject {
  userId: string
  sessionId: string
  roles: readonly string[]
  jti: string
}

export interface SessionSubject {
  userId: string
  sessionId: string
  /** When the session ends even if it is in use, in seconds since the epoch. */
  expiresAt: number
}

export interface RefreshSubject {
  userId: string
  sessionId: string
  jti: string
  /** Both come from the token's row, so that a retry gets the same bytes. RFC 3339. */
  createdAt: string
  expiresAt: string
}

/** How far clocks may differ, in seconds. */
export const LEEWAY_SECONDS = 5
const types = { access: 'at+jwt', session: 'st+jwt', refresh: 'rt+jwt' } as const
/** The age at which a session cookie is issued again, in seconds. */
const RENEWAL_SECONDS = 86_400

const CommonClaims = z.object({
  iss: z.string(),
  aud: z.string(),
  sub: z.uuid(),
  tid: z.uuid(),
  sid: z.uuid(),
  jti: z.string().min(1),
  iat: z.int(),
  exp: z.int(),
})

/** Issues and verifies the three kinds of JWT (RFC 7519, RFC 9068; algorithm pinned, RFC 8725). */
export function createTokens(ring: KeyRing, { algorithm, accessMinutes }: TokenSettings): Tokens {
  const accessSeconds = accessMinutes * 60
  const sign = (kind: Kind, claims: JWTPayload) =>
    signed(
      { alg: algorithm, typ: types[kind], kid: ring.current.kid },
      claims,
      ring.current.key(kind),
    )
  const verifier = { ring, algorithm, keyOf: importedKeys(algorithm) }
  return {
    accessSeconds,
    issueAccess(tenant, { userId, sessionId, roles, jti }) {
      const iat = nowSeconds()
      const base = commonClaims(tenant, userId, sessionId, jti)
      return sign('access', { ...base, roles, iat, exp: iat + accessSeconds })
    },
    issueRefresh(tenant, { userId, sessionId, jti, createdAt, expiresAt }) {
      const base = commonClaims(tenant, userId, sessionId, jti)
      return sign('refresh', { ...base, iat: seconds(createdAt), exp: seconds(expiresAt) })
    },
    issueSession(tenant, { userId, sessionId, expiresAt }) {
      const base = commonClaims(tenant, userId, sessionId, newId())
      return sign('session', { ...base, iat: nowSeconds(), exp: expiresAt })
    },
    verifyAccess: async (token) => unlessExpired(await verify(verifier, 'access', token)),
    verifySession: async (token) => unlessExpired(await verify(verifier, 'session', token)),
    verifyRefresh: (token) => verify(verifier, 'refresh', token),
    successorOf: ({ jti, keys }) =>
      createHmac('sha256', keys.key('successor')).update(jti).digest('base64url'),
  }
}

type Kind = keyof typeof types
type Algorithm = 'HS256' | 'HS384' | 'HS512'

interface TokenSettings {
  algorithm: Algorithm
  accessMinutes: number
}

interface Header {
  alg: Algorithm
  typ: string
  kid: string
}

// JWS compact serialisation (RFC 7515, 7.1), byte for byte as jose writes it. jose would sign on a
// thread of libuv's pool, behind the passwords being hashed; a sign-in signs two tokens.
function signed(header: Header, claims: JWTPayload, key: Buffer): string {
  const content = `${encode(header)}.${encode(claims)}`
  const hash = header.alg.replace('HS', 'sha')
  return `${content}.${createHmac(hash, key).update(content).digest('base64url')}`
}

function encode(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url')
}

type KeyOf = (keys: Keys, kind: Kind) => Promise<webcrypto.CryptoKey>

// Imports each key once. Given the bytes, jose would import the key again for every token.
function importedKeys(algorithm: Algorithm): KeyOf {
  const hmac = { name: 'HMAC', hash: `SHA-${algorithm.slice(2)}` }
  const imported = new Map<string, Promise<webcrypto.CryptoKey>>()
  return (keys, kind) => {
    const name = `${keys.kid} ${kind}`
    const key =
      imported.get(name) ?? crypto.subtle.importKey('raw', keys.key(kind), hmac, false, ['verify'])
    imported.set(name, key)
    return key
  }
}

interface Verifier {
  ring: KeyRing
  algorithm: Algorithm
  keyOf: KeyOf
}

async function verify(
  { ring, algorithm, keyOf }: Verifier,
  kind: Kind,
  token: string,
): Promise<RefreshClaims | 'expired' | undefined> {
  if (!isCanonical(token)) return undefined
  const verified = await jwtVerify(token, ({ kid }) => keyOf(generationOf(ring, kid), kind), {
    algorithms: [algorithm],
    typ: types[kind],
    clockTolerance: LEEWAY_SECONDS,
    requiredClaims: ['iss', 'aud', 'sub', 'tid', 'sid', 'jti', 'iat', 'exp'],
  }).catch(rejection)
  if (verified === undefined || verified === 'expired') return verified
  const claims = CommonClaims.safeParse(verified.payload)
  const keys = ring.accepted.find((it) => it.kid === verified.protectedHeader.kid)
  if (!claims.success || keys === undefined) return undefined
  const { iss, aud, sub, tid, sid, jti, iat, exp } = claims.data
  // Not for refresh tokens. Their times are the database's: a server whose clock is behind must not reject
  // the refresh tokens of every session.
  if (kind !== 'refresh' && iat > nowSeconds() + LEEWAY_SECONDS) return undefined
  const ids = { issuer: iss, audience: aud, tenantId: tid, sessionId: sid, userId: sub }
  // A key that was replaced will not be accepted for long: the browser gets a token of the new one now.
  const renewAt = keys === ring.current ? iat + RENEWAL_SECONDS : 0
  return { ...ids, expiresAt: exp, renewAt: kind === 'session' ? renewAt : undefined, jti, keys }
}

function unlessExpired(verified: RefreshClaims | 'expired' | undefined): AccessClaims | undefined {
  return verified === 'expired' ? undefined : verified
}

// The origin that issues it is the one that accepts it.
function commonClaims(tenant: Tenant, userId: string, sessionId: string, jti: string) {
  return { iss: tenant.origin, aud: tenant.id, sub: userId, tid: tenant.id, sid: sessionId, jti }
}

// A token has exactly one spelling: decoders also accept padding and stray last bits (RFC 4648, 3.5).
// The limit of split bounds the work: a header has room for thousands of parts.
function isCanonical(token: string): boolean {
  const parts = token.split('.', PARTS + 1)
  const isEncoded = (part: string) => Buffer.from(part, 'base64url').toString('base64url') === part
  return parts.length === PARTS && parts.every(isEncoded)
}

const PARTS = 3

// An unknown kid costs a comparison in memory, never a look-up.
function generationOf(ring: KeyRing, kid: string | undefined): Keys {
  const keys = ring.accepted.find((it) => it.kid === kid)
  if (keys === undefined) throw new errors.JWSInvalid('unknown kid')
  return keys
}

// jose checks the signature first: only a token that we signed is reported as expired.
function rejection(error: unknown): 'expired' | undefined {
  if (error instanceof errors.JWTExpired) return 'expired'
  if (error instanceof errors.JOSEError || error instanceof TypeError) return undefined
  throw error
}

function nowSeconds(): number {
  return Math.floor(Date.now() / 1000)
}

function seconds(timestamp: string): number {
  return Math.floor(Date.parse(timestamp) / 1000)
}
