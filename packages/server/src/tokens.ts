import { createHmac } from 'node:crypto'
import { errors, type JWTPayload, jwtVerify, SignJWT } from 'jose'
import { z } from 'zod'
import type { Tenant } from './context.ts'
import type { KeyRing, Keys, Purpose } from './secrets.ts'

/** What an access token says. Rights are not read from it: `roles` is for clients to show. */
export interface AccessClaims {
  tenantId: string
  sessionId: string
  userId: string
  /** Seconds since the epoch. */
  expiresAt: number
}

/** What a refresh token says; everything else about it is in its row. */
export interface RefreshClaims {
  tenantId: string
  sessionId: string
  jti: string
  /** The generation that signed it: its successor is derived with the same one. */
  keys: Keys
}

export interface Tokens {
  issueAccess(tenant: Tenant, subject: AccessSubject): Promise<string>
  issueRefresh(tenant: Tenant, token: RefreshSubject): Promise<string>
  /** Undefined for anything that is not one of our access tokens for this tenant. */
  verifyAccess(token: string, tenant: Tenant): Promise<AccessClaims | 'foreign' | undefined>
  verifyRefresh(token: string, tenant: Tenant): Promise<RefreshClaims | 'foreign' | undefined>
  /** The jti that follows `jti`: the same on every node and every retry. */
  successorOf(claims: Pick<RefreshClaims, 'jti' | 'keys'>): string
  accessSeconds: number
}

export interface AccessSubject {
  userId: string
  sessionId: string
  roles: readonly string[]
  jti: string
}

export interface RefreshSubject {
  userId: string
  sessionId: string
  jti: string
  /** Both from the token's row, so that a retry gets the same bytes. RFC 3339. */
  createdAt: string
  expiresAt: string
}

const LEEWAY_SECONDS = 5
const types = { access: 'at+jwt', refresh: 'rt+jwt' } as const

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

/** Issues and verifies the two kinds of JWT (RFC 7519, RFC 9068; algorithm pinned, RFC 8725). */
export function createTokens(
  ring: KeyRing,
  settings: { algorithm: 'HS256' | 'HS384' | 'HS512'; accessMinutes: number },
): Tokens {
  const { algorithm } = settings
  const accessSeconds = settings.accessMinutes * 60

  async function sign(kind: 'access' | 'refresh', claims: JWTPayload): Promise<string> {
    return new SignJWT(claims)
      .setProtectedHeader({ alg: algorithm, typ: types[kind], kid: ring.current.kid })
      .sign(ring.current.key(kind))
  }

  async function verify(kind: 'access' | 'refresh', token: string, tenant: Tenant) {
    const verified = await jwtVerify(token, (header) => keyFor(ring, kind, header.kid), {
      algorithms: [algorithm],
      typ: types[kind],
      clockTolerance: LEEWAY_SECONDS,
      requiredClaims: ['iss', 'aud', 'sub', 'tid', 'sid', 'jti', 'iat', 'exp'],
    }).catch(onlyJoseErrors)
    const claims = CommonClaims.safeParse(verified?.payload)
    if (verified === undefined || !claims.success) return undefined
    const keys = ring.accepted.find((it) => it.kid === verified.protectedHeader.kid)
    if (keys === undefined || claims.data.iat > nowSeconds() + LEEWAY_SECONDS) return undefined
    const ours =
      claims.data.tid === tenant.id &&
      claims.data.aud === tenant.id &&
      claims.data.iss === tenant.issuer
    return ours ? { claims: claims.data, keys } : 'foreign'
  }

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
    async verifyAccess(token, tenant) {
      const result = await verify('access', token, tenant)
      if (result === undefined || result === 'foreign') return result
      const { tid, sid, sub, exp } = result.claims
      return { tenantId: tid, sessionId: sid, userId: sub, expiresAt: exp }
    },
    async verifyRefresh(token, tenant) {
      const result = await verify('refresh', token, tenant)
      if (result === undefined || result === 'foreign') return result
      const { tid, sid, jti } = result.claims
      return { tenantId: tid, sessionId: sid, jti, keys: result.keys }
    },
    successorOf: ({ jti, keys }) =>
      createHmac('sha256', keys.key('successor')).update(jti).digest('base64url'),
  }
}

function commonClaims(tenant: Tenant, userId: string, sessionId: string, jti: string) {
  return { iss: tenant.issuer, aud: tenant.id, sub: userId, tid: tenant.id, sid: sessionId, jti }
}

// An unknown generation costs a comparison, never a look-up.
function keyFor(ring: KeyRing, purpose: Purpose, kid: string | undefined): Buffer {
  const keys = ring.accepted.find((it) => it.kid === kid)
  if (keys === undefined) throw new errors.JWSInvalid('unknown kid')
  return keys.key(purpose)
}

function onlyJoseErrors(error: unknown): undefined {
  if (error instanceof errors.JOSEError || error instanceof TypeError) return undefined
  throw error
}

function nowSeconds(): number {
  return Math.floor(Date.now() / 1000)
}

function seconds(timestamp: string): number {
  return Math.floor(Date.parse(timestamp) / 1000)
}
