import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { keyRing } from '../lib/keys.ts'
import { INSTALLATION_REALM } from './realm.ts'
import { createTokenCache, shareStrings } from './token_cache.ts'
import { createTokens, type Tokens } from './tokens.ts'

const tokens = createTokens(keyRing('a secret for this test'), {
  algorithm: 'HS256',
  accessMinutes: 5,
})
const tenant = {
  id: randomUUID(),
  name: 'Acme',
  subdomain: 'acme',
  issuer: 'https://acme.example.com',
  home: 'https://acme.example.com',
  origin: 'https://acme.example.com',
  realm: INSTALLATION_REALM,
  limits: { rate: null, concurrency: null },
  branding: {},
}

function issue(): string {
  const subject = { userId: randomUUID(), sessionId: randomUUID(), roles: [], jti: randomUUID() }
  return tokens.issueAccess(tenant, subject)
}

async function claimsOf(cache: ReturnType<typeof createTokenCache>, token: string) {
  const claims = await cache.verifyAccess(token)
  if (claims === undefined) throw new Error('not verified')
  return claims
}

test('a token is verified once, and its claims are returned without a promise from then on', async () => {
  const cache = createTokenCache(tokens, 10)
  const token = issue()
  const claims = await claimsOf(cache, token)
  expect(cache.verifyAccess(token)).toBe(claims)
  expect(cache).toMatchObject({ size: 1, counts: { hits: 1, misses: 1 } })
})

test('repeated tokens return the same claims', async () => {
  const cache = createTokenCache(tokens, 10)
  const issued = await Promise.all(Array.from({ length: 10 }, issue))
  const claims = await Promise.all(issued.map((it) => claimsOf(cache, it)))
  for (let round = 0; round < 4; round++) {
    expect(issued.map((it) => cache.verifyAccess(it))).toEqual(claims)
  }
  expect(cache.counts).toEqual({ hits: 40, misses: 10 })
})

test('a token in use is not evicted', async () => {
  const cache = createTokenCache(tokens, 3)
  const token = issue()
  const claims = await claimsOf(cache, token)
  for (let round = 0; round < 10; round++) {
    expect(cache.verifyAccess(token)).toBe(claims)
    await claimsOf(cache, await issue())
    expect(cache.verifyAccess(token)).toBe(claims)
  }
  expect(cache.size).toBe(3)
})

test.each([0, 1, 2])(
  'a text with the signature of a cached token is rejected if any character differs, after %i more uses (JWT-6)',
  async (uses) => {
    const cache = createTokenCache(tokens, 10)
    const token = issue()
    for (let use = 0; use <= uses; use++) await claimsOf(cache, token)
    const changed = (at: number) => (token[at] === 'A' ? 'B' : 'A')
    for (let at = 0; at < token.length; at++) {
      const other = token.slice(0, at) + changed(at) + token.slice(at + 1)
      expect(await cache.verifyAccess(other)).toBeUndefined()
    }
    for (const other of [` ${token}`, `${token} `, `A${token}`, token.slice(1), token.slice(-12)]) {
      expect(await cache.verifyAccess(other)).toBeUndefined()
    }
    expect(cache).toMatchObject({ size: 1, counts: { hits: uses } })
  },
)

test('two tokens whose signatures end alike keep their own claims (JWT-6)', async () => {
  const claims = {
    issuer: tenant.issuer,
    audience: tenant.id,
    tenantId: tenant.id,
    sessionId: randomUUID(),
    expiresAt: Math.floor(Date.now() / 1_000) + 60,
    renewAt: undefined,
  }
  const users: Record<string, string> = { 'one.same-ending': 'one', 'two.same-ending': 'two' }
  // Two such tokens cannot be found in practice; the verifier below accepts these.
  const verifyAccess: Tokens['verifyAccess'] = async (token) => ({
    ...claims,
    userId: users[token] ?? '',
  })
  const cache = createTokenCache({ ...tokens, verifyAccess }, 10)
  for (let round = 0; round < 4; round++) {
    for (const [token, user] of Object.entries(users)) {
      expect((await claimsOf(cache, token)).userId).toBe(user)
    }
  }
  expect(cache.counts).toEqual({ hits: 6, misses: 2 })
})

test('an invalid token takes no memory (DOS-4)', async () => {
  const cache = createTokenCache(tokens, 10)
  for (const token of ['', 'a', 'a.b.c', `${await issue()}A`]) {
    expect(await cache.verifyAccess(token)).toBeUndefined()
  }
  expect(cache.size).toBe(0)
})

test('claims share the strings of their tenant and keep their values', async () => {
  const cache = createTokenCache(tokens, 10)
  const claims = await claimsOf(cache, await issue())
  const before = { ...claims }
  shareStrings(claims, tenant)
  expect({ ...claims }).toEqual(before)
  shareStrings(claims, { ...tenant, id: randomUUID(), origin: 'https://other.example.com' })
  expect({ ...claims }).toEqual(before)
})
