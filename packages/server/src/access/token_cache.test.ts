import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { keyRing } from '../lib/keys.ts'
import { createTokenCache, shareStrings } from './token_cache.ts'
import { createTokens, type Tokens } from './tokens.ts'

const ours = createTokens(keyRing('a secret for this test'), {
  algorithm: 'HS256',
  accessMinutes: 5,
})
const tenant = {
  id: randomUUID(),
  name: 'Acme',
  subdomain: 'acme',
  issuer: 'https://acme.example.com',
  origin: 'https://acme.example.com',
  limits: { rate: null, concurrency: null },
}

function issue(): string {
  const subject = { userId: randomUUID(), sessionId: randomUUID(), roles: [], jti: randomUUID() }
  return ours.issueAccess(tenant, subject)
}

async function claimsOf(verified: ReturnType<typeof createTokenCache>, token: string) {
  const claims = await verified.verifyAccess(token)
  if (claims === undefined || claims === 'expired') throw new Error('not verified')
  return claims
}

test('a token is verified once, and from then on is its claims at once', async () => {
  const verified = createTokenCache(ours, 10)
  const token = issue()
  const claims = await claimsOf(verified, token)
  expect(verified.verifyAccess(token)).toBe(claims)
  expect(verified).toMatchObject({ size: 1, counts: { hits: 1, misses: 1 } })
})

test('however often a token comes it is the same claims, of whichever of many it is', async () => {
  const verified = createTokenCache(ours, 10)
  const tokens = await Promise.all(Array.from({ length: 10 }, issue))
  const claims = await Promise.all(tokens.map((it) => claimsOf(verified, it)))
  for (let turn = 0; turn < 4; turn++) {
    expect(tokens.map((it) => verified.verifyAccess(it))).toEqual(claims)
  }
  expect(verified.counts).toEqual({ hits: 40, misses: 10 })
})

test('a token that is in use is not the one that makes room for others', async () => {
  const verified = createTokenCache(ours, 3)
  const token = issue()
  const claims = await claimsOf(verified, token)
  for (let turn = 0; turn < 10; turn++) {
    expect(verified.verifyAccess(token)).toBe(claims)
    await claimsOf(verified, await issue())
    expect(verified.verifyAccess(token)).toBe(claims)
  }
  expect(verified.size).toBe(3)
})

test.each([0, 1, 2])(
  'with the signature of a remembered token no other text is known, whatever character differs, after %i more uses (JWT-6)',
  async (uses) => {
    const verified = createTokenCache(ours, 10)
    const token = issue()
    for (let use = 0; use <= uses; use++) await claimsOf(verified, token)
    const changed = (at: number) => (token[at] === 'A' ? 'B' : 'A')
    for (let at = 0; at < token.length; at++) {
      const other = token.slice(0, at) + changed(at) + token.slice(at + 1)
      expect(await verified.verifyAccess(other)).toBeUndefined()
    }
    for (const other of [` ${token}`, `${token} `, `A${token}`, token.slice(1), token.slice(-12)]) {
      expect(await verified.verifyAccess(other)).toBeUndefined()
    }
    expect(verified).toMatchObject({ size: 1, counts: { hits: uses } })
  },
)

test('of two tokens whose signatures end alike each is its own (JWT-6)', async () => {
  const claims = {
    issuer: tenant.issuer,
    audience: tenant.id,
    tenantId: tenant.id,
    sessionId: randomUUID(),
    expiresAt: Math.floor(Date.now() / 1_000) + 60,
  }
  const users: Record<string, string> = { 'one.same-ending': 'one', 'two.same-ending': 'two' }
  // Nobody finds two of ours: this is what would follow.
  const verifyAccess: Tokens['verifyAccess'] = async (token) => ({
    ...claims,
    userId: users[token] ?? '',
  })
  const verified = createTokenCache({ ...ours, verifyAccess }, 10)
  for (let turn = 0; turn < 4; turn++) {
    for (const [token, user] of Object.entries(users)) {
      expect((await claimsOf(verified, token)).userId).toBe(user)
    }
  }
  expect(verified.counts).toEqual({ hits: 6, misses: 2 })
})

test('what was not verified takes no room (DOS-4)', async () => {
  const verified = createTokenCache(ours, 10)
  for (const token of ['', 'a', 'a.b.c', `${await issue()}A`]) {
    expect(await verified.verifyAccess(token)).toBeUndefined()
  }
  expect(verified.size).toBe(0)
})

test('claims share the texts of their tenant and stay what they were', async () => {
  const verified = createTokenCache(ours, 10)
  const claims = await claimsOf(verified, await issue())
  const before = { ...claims }
  shareStrings(claims, tenant)
  expect({ ...claims }).toEqual(before)
  shareStrings(claims, { ...tenant, id: randomUUID(), issuer: 'https://other.example.com' })
  expect({ ...claims }).toEqual(before)
})
