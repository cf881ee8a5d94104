import { randomBytes, randomUUID } from 'node:crypto'
import { SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { keyRing } from '../../src/lib/keys.ts'
import { startTestApp, type TestApp, type TestTenant, type TestUser } from '../../src/testing.ts'
import { app } from '../fixtures/app/app.ts'
import { expectProblem } from '../fixtures/problem.ts'
import { rawRequest, sendRaw } from './raw_socket.ts'
import { encode, mutants, sign, takeApart } from './token_mutants.ts'

const secret = randomBytes(32).toString('base64')
const keys = keyRing(secret).current
let api: TestApp
let tenant: TestTenant
let user: TestUser
beforeAll(async () => {
  api = await startTestApp(app, { SECRET_KEY: secret })
  tenant = await api.makeTenant()
  user = await tenant.makeUser({ roles: ['admin_tenant'] })
})
afterAll(() => api.close())

const seconds = () => Math.floor(Date.now() / 1000)
const good = () => takeApart(user.accessToken, secret)

async function meWith(authorization: string, host = tenant.host) {
  return api.send(host, { path: '/api/auth/me', headers: { authorization } })
}

async function expectRejected(token: string): Promise<void> {
  const reply = await meWith(`Bearer ${token}`)
  expectProblem(reply, 401)
  expect(reply.json.detail).toBe('Could not validate credentials')
  expect(reply.headers['www-authenticate']).toBe('Bearer')
}

test('the genuine token that the mutants are made from is accepted', async () => {
  const { header } = good()
  expect(header).toEqual({ alg: 'HS256', typ: 'at+jwt', kid: keys.kid })
  expect((await meWith(`Bearer ${sign(good())}`)).status).toBe(200)
  expect((await meWith(`bEaReR ${user.accessToken}`)).status).toBe(200)
})

describe('a token that differs from an issued one is rejected (JWT-1)', () => {
  test.each(Object.entries(mutants))('%s', async (_, mutant) => {
    await expectRejected(mutant(good()))
  })

  test.each([
    ['another subject', { sub: randomUUID() }],
    ['another session', { sid: randomUUID() }],
    ['an unknown tenant', { tid: randomUUID(), aud: randomUUID() }],
    ['no expiry', { exp: undefined }],
    ['an expiry in the past', { exp: 1 }],
    ['an expiry that is text', { exp: '9999999999' }],
    ['an expiry of 1e300', { exp: 1e300 }],
    ['an issue date in the future', { iat: 4_000_000_000, exp: 5_000_000_000 }],
    ['a start in the future', { nbf: 4_000_000_000 }],
    ['no audience', { aud: undefined }],
    ['a list of audiences', { aud: ['*'] }],
    ['another issuer', { iss: 'https://evil.test' }],
    ['SQL for a session', { sid: "' or 1=1 --" }],
    ['NUL in a subject', { sub: `${randomUUID()}\0` }],
  ])('signed with the right key over %s (JWT-2)', async (_, changes) => {
    const { header, payload, secret } = good()
    await expectRejected(sign({ header, payload: { ...payload, ...changes }, secret }))
  })

  test('roles in a token grant nothing (JWT-2)', async () => {
    const member = await tenant.makeUser()
    const { payload, ...genuine } = takeApart(member.accessToken, secret)
    const token = sign({ ...genuine, payload: { ...payload, roles: ['admin_tenant'] } })
    const authorization = `Bearer ${token}`
    expect((await meWith(authorization)).json.roles).toEqual([])
    const greet = {
      method: 'POST',
      path: '/api/permission-check/admin-only',
      headers: { authorization },
    }
    expect((await tenant.send(greet)).status).toBe(403)
  })
})

test('expiry has a leeway of a few seconds (JWT-3)', async () => {
  const token = (exp: number) =>
    new SignJWT({ ...good().payload, exp })
      .setProtectedHeader({ alg: 'HS256', typ: 'at+jwt', kid: keys.kid })
      .sign(keys.key('access'))
  // tokens.test.ts tests the exact bound, with a fixed clock.
  expect((await meWith(`Bearer ${await token(seconds())}`)).status).toBe(200)
  await expectRejected(await token(seconds() - 60))
})

test('during a rotation new servers accept tokens of both secrets, afterwards of the new one only (JWT-4)', async () => {
  const next = randomBytes(32).toString('base64')
  const [rotating, rotated] = await Promise.all([
    startTestApp(app, { SECRET_KEY: next, SECRET_KEY_PREVIOUS: secret }),
    startTestApp(app, { SECRET_KEY: next }),
  ])
  const me = (on: TestApp, token: string) =>
    on.send(tenant.host, { path: '/api/auth/me', headers: { authorization: `Bearer ${token}` } })
  const refresh = (on: TestApp, refresh_token: string) =>
    on.send(tenant.host, { method: 'POST', path: '/api/auth/refresh', body: { refresh_token } })

  const old = await tenant.makeUser()
  expect((await me(rotating, old.accessToken)).status).toBe(200)
  expect((await me(rotated, old.accessToken)).status).toBe(401)
  expect((await refresh(rotated, old.refreshToken)).status).toBe(401)
  const renewed = await refresh(rotating, old.refreshToken)
  expect(renewed.status).toBe(200)
  expect((await me(rotated, renewed.json.access_token)).status).toBe(200)
  expect((await me(api, renewed.json.access_token)).status).toBe(401)
  const again = await refresh(rotated, renewed.json.refresh_token)
  expect(again.status).toBe(200)
  await Promise.all([rotating.close(), rotated.close()])
})

describe('only one Authorization header of the Bearer scheme counts (JWT-5)', () => {
  const raw = async (...lines: string[]) =>
    (
      await sendRaw(
        api.port,
        rawRequest('GET /api/auth/me HTTP/1.1', `Host: ${tenant.host}`, ...lines),
      )
    )[0]

  test.each<[string, (token: string) => string[]]>([
    ['no header', () => []],
    ['an empty one', () => ['Authorization:']],
    ['the scheme alone', () => ['Authorization: Bearer']],
    ['the token alone', (token) => [`Authorization: ${token}`]],
    ['Basic', (token) => [`Authorization: Basic ${token}`]],
    ['Token', (token) => [`Authorization: Token ${token}`]],
    ['the scheme twice', (token) => [`Authorization: Bearer Bearer ${token}`]],
    [
      'two headers',
      (token) => [`Authorization: Bearer ${token}`, `Authorization: Bearer ${token}`],
    ],
    [
      'a good and a bad one',
      (token) => [`Authorization: Bearer ${token}`, 'authorization: Bearer x'],
    ],
    [
      'a bad and a good one',
      (token) => ['Authorization: Bearer x', `Authorization: Bearer ${token}`],
    ],
    ['a list', (token) => [`Authorization: Bearer ${token}, Bearer ${token}`]],
    ['parameters', (token) => [`Authorization: Bearer token="${token}"`]],
    ['text after the token', (token) => [`Authorization: Bearer ${token} x`]],
    ['percent rubbish', () => ['Authorization: Bearer %00%zz%']],
    ['bytes above ASCII', () => ['Authorization: Bearer \u00ff\u00fe']],
    ['eight thousand dots', () => [`Authorization: Bearer ${'.'.repeat(8_000)}`]],
    ['fifteen kilobytes', () => [`Authorization: Bearer ${'A'.repeat(15_000)}`]],
    ['another header', (token) => [`X-Authorization: Bearer ${token}`, `X-Access-Token: ${token}`]],
    ['Proxy-Authorization', (token) => [`Proxy-Authorization: Bearer ${token}`]],
    [
      'a cookie',
      (token) => [`Cookie: access_token=${token}; token=${token}; Authorization=Bearer ${token}`],
    ],
  ])('%s', async (_, lines) => {
    expectProblem(await raw(...lines(user.accessToken)), 401)
  })

  test('a token in query or body is ignored', async () => {
    const query = new URLSearchParams({ access_token: user.accessToken, token: user.accessToken })
    expectProblem(await tenant.send({ path: `/api/auth/me?${query}` }), 401)
    const body = { access_token: user.accessToken }
    expectProblem(await tenant.send({ method: 'POST', path: '/api/projects', body }), 401)
    expect(api.logLines.join('\n')).not.toContain(user.accessToken.slice(0, 40))
  })
})

describe('a token has exactly one spelling (JWT-6, JWT-7)', () => {
  test('no prefix of it is accepted', async () => {
    const { accessToken: token } = user
    const requests = Array.from(token, (_, at) =>
      rawRequest(
        'GET /api/auth/me HTTP/1.1',
        `Host: ${tenant.host}`,
        `Authorization: Bearer ${token.slice(0, at)}`,
      ),
    )
    const replies = await sendRaw(api.port, requests.join(''), requests.length)
    expect(replies).toHaveLength(token.length)
    expect(new Set(replies.map((it) => it.status))).toEqual(new Set([401]))
  })

  test('no addition and no other serialization is accepted', async () => {
    const { accessToken: token } = user
    const [header = '', payload = '', signature = ''] = token.split('.')
    const last = signature.at(-1) ?? ''
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    const twin = alphabet[alphabet.indexOf(last) ^ 1] ?? ''
    const others = [
      ...['=', '==', 'A', '.', '..', '.A', '~', '/', '+'].map((it) => token + it),
      token.slice(0, -1) + twin,
      `${header}=.${payload}=.${signature}=`,
      `${header}..${signature}`,
      `.${payload}.${signature}`,
      `..`,
      encode({ payload, protected: header, signature }),
      JSON.stringify({ payload, protected: header, signature }),
      JSON.stringify({ payload, signatures: [{ protected: header, signature }] }),
      `${header}.${encode('{}')}.${payload}.${signature}`,
      `${token}.${token}`,
    ]
    for (const it of others) await expectRejected(it)
  })

  test('a refresh token has one spelling too', async () => {
    const { refreshToken } = await tenant.makeUser()
    const access = user.accessToken
    const refresh = (refresh_token: string) =>
      tenant.send({ method: 'POST', path: '/api/auth/refresh', body: { refresh_token } })
    const others = [
      `${refreshToken}=`,
      refreshToken.slice(0, -1),
      `${refreshToken}A`,
      ` ${refreshToken}`,
      access,
    ]
    for (const it of others) {
      const reply = await refresh(it)
      expectProblem(reply, 401)
      expect(reply.json.detail).toBe('Invalid token')
    }
    expect((await refresh(refreshToken)).status).toBe(200)
  })
})
