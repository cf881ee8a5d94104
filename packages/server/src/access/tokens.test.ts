import { createHmac, randomUUID } from 'node:crypto'
import { type JWTPayload, SignJWT } from 'jose'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Tenant } from '../app/context.ts'
import { keyRing } from '../lib/keys.ts'
import { belongsTo } from './authenticate.ts'
import { INSTALLATION_REALM } from './realm.ts'
import { createTokens } from './tokens.ts'

const secret = 'w0uNJ6aeDgXnXSn1H1pMIDbWQwqPZ2mN'
const ring = keyRing(secret)
const settings = { algorithm: 'HS256', accessMinutes: 15 } as const
const tokens = createTokens(ring, settings)

const tenant = tenantAt('a')
const other = tenantAt('b')
const subject = { userId: randomUUID(), sessionId: randomUUID(), roles: ['manager'], jti: 'jti-1' }

function tenantAt(subdomain: string): Tenant {
  const origin = `https://${subdomain}.app.test`
  const limits = { rate: null, concurrency: null }
  return {
    id: randomUUID(),
    name: subdomain,
    subdomain,
    origin,
    issuer: origin,
    home: origin,
    realm: INSTALLATION_REALM,
    limits,
    branding: {},
  }
}

const now = Date.UTC(2026, 1, 28, 23, 59, 59)
const seconds = now / 1000
beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'], now }))
afterEach(() => void vi.useRealTimers())

const claims = {
  iss: tenant.issuer,
  aud: tenant.id,
  sub: subject.userId,
  tid: tenant.id,
  sid: subject.sessionId,
  jti: subject.jti,
  roles: subject.roles,
  iat: seconds,
  exp: seconds + 900,
}
const header = { alg: 'HS256', typ: 'at+jwt', kid: ring.current.kid }

/** A token with this payload, signed with our key unless another is given. */
function sign(payload: JWTPayload, changes: object = {}, key = ring.current.key('access')) {
  return new SignJWT(payload).setProtectedHeader({ ...header, ...changes }).sign(key)
}

/** How the pipeline judges a token on a tenant's host. */
async function verdict(token: string, on: Tenant, by = tokens) {
  const claims = await by.verifyAccess(token)
  if (claims === undefined) return undefined
  return belongsTo(claims, on) ? claims : 'foreign'
}

async function refreshVerdict(token: string, on: Tenant) {
  const claims = await tokens.verifyRefresh(token)
  if (claims === undefined || claims === 'expired') return claims
  return belongsTo(claims, on) ? claims : 'foreign'
}

const accepted = { tenantId: tenant.id, sessionId: claims.sid, userId: claims.sub }

test.each(['HS256', 'HS384', 'HS512'] as const)(
  'a token is byte for byte as jose signs it (%s)',
  async (algorithm) => {
    const issued = createTokens(ring, { ...settings, algorithm }).issueAccess(tenant, subject)
    expect(issued).toBe(await sign(claims, { alg: algorithm }))
  },
)

describe('an access token', () => {
  test('is valid for its tenant and foreign to another (TEN-5)', async () => {
    const token = tokens.issueAccess(tenant, subject)
    expect(await verdict(token, tenant)).toMatchObject(accepted)
    expect(await verdict(token, other)).toBe('foreign')
    expect(await verdict(await sign(claims), tenant)).toMatchObject(accepted)
  })

  test('is never accepted as a refresh token, nor a refresh token as an access token (JWT-1)', async () => {
    const access = tokens.issueAccess(tenant, subject)
    const times = { createdAt: '2026-02-28T23:59:59Z', expiresAt: '2026-03-10T00:00:00Z' }
    const refresh = tokens.issueRefresh(tenant, { ...subject, ...times })
    expect(await refreshVerdict(refresh, tenant)).toMatchObject({ jti: 'jti-1' })
    expect(await refreshVerdict(refresh, other)).toBe('foreign')
    expect(await refreshVerdict(access, tenant)).toBeUndefined()
    expect(await verdict(refresh, tenant)).toBeUndefined()
    const [accessKey, refreshKey] = [ring.current.key('access'), ring.current.key('refresh')]
    // The right key under the wrong type, the right type under the wrong key.
    expect(await verdict(await sign(claims, { typ: 'rt+jwt' }, accessKey), tenant)).toBeUndefined()
    expect(await verdict(await sign(claims, {}, refreshKey), tenant)).toBeUndefined()
    expect(await refreshVerdict(await sign(claims, {}, refreshKey), tenant)).toBeUndefined()
  })

  test.each(['iss', 'aud', 'sub', 'tid', 'sid', 'jti', 'iat', 'exp'])(
    'without %s, or with a wrong type or value of it, is rejected (JWT-2)',
    async (name) => {
      const wrong = [undefined, null, '', true, {}, [], ['x'], 1.5, 1e300, name === 'jti' ? 1 : 'x']
      for (const value of wrong) {
        const result = await verdict(await sign({ ...claims, [name]: value }), tenant)
        expect(typeof result === 'object', `${name}: ${JSON.stringify(value)}`).toBe(false)
      }
    },
  )

  test('with an audience list, another issuer or another tenant is rejected (JWT-2)', async () => {
    const verify = async (changes: object) => verdict(await sign({ ...claims, ...changes }), tenant)
    expect(await verify({ aud: [tenant.id] })).toBeUndefined()
    expect(await verify({ aud: [tenant.id, other.id] })).toBeUndefined()
    expect(await verify({ aud: other.id })).toBe('foreign')
    expect(await verify({ iss: other.issuer })).toBe('foreign')
    expect(await verify({ iss: `${tenant.issuer}/` })).toBe('foreign')
    expect(await verify({ tid: other.id })).toBe('foreign')
    expect(await verify({ tid: tenant.id.toUpperCase() })).toBe('foreign')
  })

  test.each<[Record<string, unknown>, boolean]>([
    [{ exp: seconds - 4 }, true],
    [{ exp: seconds - 5 }, false],
    [{ exp: seconds - 6 }, false],
    [{ iat: seconds + 5 }, true],
    [{ iat: seconds + 6 }, false],
    [{ nbf: seconds + 5 }, true],
    [{ nbf: seconds + 6 }, false],
    [{ nbf: 'soon' }, false],
  ])('has a leeway of 5 seconds: %j (JWT-3)', async (changes, good) => {
    const token = await sign({ ...claims, ...changes })
    expect(typeof (await verdict(token, tenant)) === 'object').toBe(good)
  })

  test('expires at its exp, by the clock at each use (JWT-3, JWT-6)', async () => {
    const token = tokens.issueAccess(tenant, subject)
    expect(await verdict(token, tenant)).toMatchObject({ expiresAt: seconds + 900 })
    vi.setSystemTime(now + 904_000)
    expect(await verdict(token, tenant)).toMatchObject(accepted)
    vi.setSystemTime(now + 906_000)
    expect(await verdict(token, tenant)).toBeUndefined()
  })

  test('has exactly one spelling (JWT-7)', async () => {
    const token = tokens.issueAccess(tenant, subject)
    const last = token.at(-1) ?? ''
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    const others = [
      ...['=', '==', 'A', '.', '.A', ' ', '\n', '\0'].map((it) => token + it),
      ...[...alphabet].filter((it) => it !== last).map((it) => token.slice(0, -1) + it),
      token.replace('.', '=.'),
      ` ${token}`,
      `Bearer ${token}`,
      token.toLowerCase(),
      encodeURIComponent(token).replaceAll('.', '%2E'),
      Buffer.from(token).toString('base64url'),
    ]
    for (const it of others) expect(await verdict(it, tenant), it).toBeUndefined()
  })

  test('that is cut short anywhere is rejected (JWT-7)', async () => {
    const token = tokens.issueAccess(tenant, subject)
    const results = await Promise.all(
      Array.from(token, (_, at) => verdict(token.slice(0, at), tenant)),
    )
    expect(new Set(results)).toEqual(new Set([undefined]))
  })

  test('costs no more to reject when it has thousands of parts (DOS-4)', async () => {
    const decode = vi.spyOn(Buffer, 'from')
    const verdicts = [await verdict('.'.repeat(16_000), tenant), await verdict('..', tenant)]
    const times = decode.mock.calls.length
    decode.mockRestore()
    expect(verdicts).toEqual([undefined, undefined])
    expect(times).toBeLessThan(20)
  })
})

// The database issued its times, and the database decides whether it has expired.
test('a server whose clock is behind accepts a refresh token', async () => {
  const times = { createdAt: '2026-03-01T00:10:00Z', expiresAt: '2026-03-10T00:00:00Z' }
  const token = tokens.issueRefresh(tenant, { ...subject, ...times })
  expect(await refreshVerdict(token, tenant)).toMatchObject({ jti: 'jti-1' })
})

test('a refresh token is reported as expired only if its signature is valid (JWT-3)', async () => {
  const past = { ...claims, exp: seconds - 60 }
  const typ = { typ: 'rt+jwt' }
  const signed = await sign(past, typ, ring.current.key('refresh'))
  expect(await refreshVerdict(signed, tenant)).toBe('expired')
  const foreignKey = keyRing('another secret').current.key('refresh')
  expect(await refreshVerdict(await sign(past, typ, foreignKey), tenant)).toBeUndefined()
})

describe('the token of a session cookie', () => {
  const end = seconds + 90 * 86_400
  const issue = () => tokens.issueSession(tenant, { ...subject, expiresAt: end })

  test('is issued again once it is a day old, and ends with its session', async () => {
    const token = issue()
    const found = await tokens.verifySession(token)
    expect(found).toMatchObject({ ...accepted, expiresAt: end, renewAt: seconds + 86_400 })
    vi.setSystemTime((end + 6) * 1_000)
    expect(await tokens.verifySession(token)).toBeUndefined()
  })

  test('is issued again immediately if the key was replaced', async () => {
    const next = keyRing('NGd0Yp0H8gc2Dnu4fYbFQYQ2Ae7SkN5l', secret)
    const found = await createTokens(next, settings).verifySession(issue())
    expect(found).toMatchObject({ ...accepted, renewAt: 0 })
  })

  test('is no other token, under its own type or another, by its own key or another (JWT-1)', async () => {
    const session = issue()
    expect(await tokens.verifyAccess(session)).toBeUndefined()
    expect(await tokens.verifyRefresh(session)).toBeUndefined()
    expect(await tokens.verifySession(tokens.issueAccess(tenant, subject))).toBeUndefined()
    const [access, own] = [ring.current.key('access'), ring.current.key('session')]
    expect(
      await tokens.verifySession(await sign(claims, { typ: 'st+jwt' }, access)),
    ).toBeUndefined()
    expect(await tokens.verifySession(await sign(claims, { typ: 'at+jwt' }, own))).toBeUndefined()
    expect(await tokens.verifyAccess(await sign(claims, { typ: 'st+jwt' }, own))).toBeUndefined()
    expect(await tokens.verifySession(await sign(claims, { typ: 'st+jwt' }, own))).toBeDefined()
  })
})

describe('keys (JWT-4)', () => {
  test('during a rotation the previous secret verifies tokens and signs none', async () => {
    const next = 'NGd0Yp0H8gc2Dnu4fYbFQYQ2Ae7SkN5l'
    const rotated = createTokens(keyRing(next, secret), settings)
    const finished = createTokens(keyRing(next), settings)
    const [old, fresh] = [tokens.issueAccess(tenant, subject), rotated.issueAccess(tenant, subject)]
    expect(await verdict(old, tenant, rotated)).toMatchObject(accepted)
    expect(await verdict(old, tenant, finished)).toBeUndefined()
    expect(await verdict(fresh, tenant, finished)).toMatchObject(accepted)
    expect(await verdict(fresh, tenant)).toBeUndefined()
  })

  test('the kid selects the key: a token signed by one generation is rejected under the kid of another', async () => {
    const next = keyRing('NGd0Yp0H8gc2Dnu4fYbFQYQ2Ae7SkN5l', secret)
    const rotated = createTokens(next, settings)
    const renamed = await sign(claims, { kid: next.current.kid })
    expect(await verdict(renamed, tenant, rotated)).toBeUndefined()
  })

  test('each purpose has its own key, and none is the secret', () => {
    const purposes = ['access', 'session', 'refresh', 'successor', 'cursor', 'attempt'] as const
    const keys = purposes.map((it) => ring.current.key(it).toString('hex'))
    expect(new Set(keys).size).toBe(purposes.length)
    expect(keys.join()).not.toContain(Buffer.from(secret).toString('hex'))
    expect(createHmac('sha256', secret).update('kid').digest('base64url')).not.toContain(
      ring.current.kid,
    )
  })

  test.each(['HS384', 'HS512'] as const)(
    '%s accepts no token of another algorithm',
    async (algorithm) => {
      const strong = createTokens(ring, { ...settings, algorithm })
      const token = strong.issueAccess(tenant, subject)
      expect(await verdict(token, tenant, strong)).toMatchObject(accepted)
      expect(await verdict(token, tenant)).toBeUndefined()
      expect(await verdict(await sign(claims), tenant, strong)).toBeUndefined()
    },
  )
})
