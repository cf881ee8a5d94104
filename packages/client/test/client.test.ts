import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  startTestApp,
  type TestApp,
  type TestTenant,
  type TestUser,
} from '../../server/src/testing.ts'
import { app } from '../../server/test/fixtures/app/app.ts'
import { ApiProblem, createClient, ifMatch, type Tokens, tokens } from '../src/index.ts'
import type { Fetch } from '../src/session.ts'
import { browserFrom, fetchFrom } from './fetch_from.ts'

let api: TestApp
let tenant: TestTenant
let user: TestUser
beforeAll(async () => {
  api = await startTestApp(app)
  tenant = await api.makeTenant()
  user = await tenant.makeUser({ roles: ['admin_tenant'] })
})
afterAll(() => api.close())

/** A client with a store that can be looked into, which notes what it sends. */
function clientOf(overrides: Partial<Parameters<typeof createClient>[0]> = {}) {
  const sent: string[] = []
  const kept: { tokens: Tokens | undefined } = { tokens: undefined }
  const send = overrides.fetch ?? fetchFrom(api.port)
  const fetch: Fetch = (request) => {
    sent.push(`${request.method} ${new URL(request.url).pathname}`)
    return send(request)
  }
  const session = tokens({
    load: () => kept.tokens,
    save(next) {
      kept.tokens = next
    },
  })
  const client = createClient({ origin: `http://${tenant.host}`, session, ...overrides, fetch })
  return { client, sent, kept }
}

async function signedIn(by = user) {
  const made = clientOf()
  await made.client.signIn({ email: by.email, password: by.password })
  made.sent.length = 0
  return made
}

const problemOf = (sending: Promise<unknown>) =>
  sending.then(
    () => undefined,
    (error: unknown) => (error instanceof ApiProblem ? error : undefined),
  )

/** Answers like a server that rejects `times` requests first. */
function busy(times: number, headers: Record<string, string>, status = 503) {
  const answers: Fetch = async () =>
    times-- > 0
      ? new Response('{"code":"server.busy"}', { status, headers })
      : Response.json({ status: 'ok', message: '' })
  return answers
}

describe('a session of tokens', () => {
  test('signs in, is the user, and signs out', async () => {
    const { client, kept } = await signedIn()
    expect((await client.GET('/api/auth/me')).data.user_email).toBe(user.email)
    await client.signOut()
    expect(kept.tokens).toBeUndefined()
    expect((await problemOf(client.GET('/api/auth/me')))?.status).toBe(401)
    await client.signOut()
  })

  test('reports wrong credentials, and keeps nothing', async () => {
    const { client, kept } = clientOf()
    const problem = await problemOf(client.signIn({ email: user.email, password: 'wrong' }))
    expect([problem?.status, problem?.message]).toEqual([401, 'Invalid credentials'])
    expect(kept.tokens).toBeUndefined()
  })

  test('renews an access token that is about to end once, for all requests', async () => {
    const { client, sent, kept } = await signedIn()
    if (kept.tokens) kept.tokens.expires_at = Date.now() + 1_000
    const before = kept.tokens?.refresh_token
    const replies = await Promise.all(Array.from({ length: 20 }, () => client.GET('/api/auth/me')))
    expect(replies.map((it) => it.data.user_email)).toEqual(replies.map(() => user.email))
    expect(sent.filter((it) => it === 'POST /api/auth/refresh')).toHaveLength(1)
    expect(kept.tokens?.refresh_token).not.toBe(before)
  })

  test('renews an access token that the server rejects, and sends the body again', async () => {
    const { client, sent, kept } = await signedIn()
    if (kept.tokens) kept.tokens.access_token = 'rejected'
    const name = 'renewed'
    const { response } = await client.POST('/api/roles', { body: { name, permissions: [] } })
    expect(response.status).toBe(201)
    expect(sent).toEqual(['POST /api/roles', 'POST /api/auth/refresh', 'POST /api/roles'])
  })

  test('uses the tokens that another tab has renewed in the meantime', async () => {
    const { client, sent, kept } = await signedIn()
    const current = kept.tokens
    if (current) kept.tokens = { ...current, access_token: 'old', expires_at: 0 }
    const reading = client.GET('/api/auth/me')
    kept.tokens = current
    expect((await reading).response.status).toBe(200)
    expect(sent).toEqual(['GET /api/auth/me'])
  })

  test('ends when its refresh token does', async () => {
    const { client, kept } = await signedIn()
    if (kept.tokens) kept.tokens = { ...kept.tokens, refresh_token: 'x'.repeat(43), expires_at: 0 }
    expect((await problemOf(client.GET('/api/auth/me')))?.status).toBe(401)
    expect(kept.tokens).toBeUndefined()
  })

  test('stays when the server cannot be asked', async () => {
    const { client, kept } = clientOf({ fetch: busy(1, {}) })
    kept.tokens = { access_token: 'a', refresh_token: 'r', expires_at: 0 }
    expect((await problemOf(client.GET('/api/auth/me')))?.status).toBe(503)
    expect(kept.tokens.refresh_token).toBe('r')
  })
})

describe('a session of a cookie', () => {
  test('signs in, is the user, and signs out, without a token in any reply', async () => {
    const origin = `http://${tenant.subdomain}.localhost`
    const replies: string[] = []
    const send = browserFrom(api.port)
    const fetch: Fetch = async (request) => {
      const response = await send(request)
      replies.push(await response.clone().text())
      return response
    }
    const client = createClient({ origin, session: 'cookie', fetch })
    const signedIn = await client.signIn({ email: user.email, password: user.password })
    expect(signedIn.tenant).toBe(tenant.subdomain)
    expect((await client.GET('/api/auth/me')).data.user_email).toBe(user.email)
    const body = { name: 'by_cookie', permissions: [] }
    expect((await client.POST('/api/roles', { body })).response.status).toBe(201)
    await client.signOut()
    expect((await problemOf(client.GET('/api/auth/me')))?.status).toBe(401)
    expect(replies.join('')).not.toMatch(/_token/)
  })
})

describe('an error', () => {
  test('has the code, the status and the faults of the problem', async () => {
    const { client } = await signedIn()
    const body = { name: '', permissions: [] }
    const problem = await problemOf(client.POST('/api/roles', { body }))
    expect([problem?.status, problem?.code]).toEqual([422, 'request.invalid'])
    expect(problem?.errors[0]?.pointer).toBe('/name')
    expect(problem?.instance).toMatch(/./)
  })

  test('that is no problem document has a code of its own', async () => {
    const page: Fetch = async () => new Response('<h1>Bad gateway</h1>', { status: 502 })
    const { client } = clientOf({ fetch: page })
    const problem = await problemOf(client.GET('/'))
    expect([problem?.status, problem?.code]).toEqual([502, 'response.unexpected'])
  })
})

describe('a list', () => {
  test('is read page by page, as far as the loop goes', async () => {
    const home = await api.makeTenant()
    const admin = await home.makeUser({ roles: ['admin_tenant'] })
    const others = await Promise.all([1, 2, 3, 4].map(() => home.makeUser()))
    const { client, sent } = clientOf({ origin: `http://${home.host}` })
    await client.signIn({ email: admin.email, password: admin.password })
    sent.length = 0
    const seen: string[] = []
    const init = { params: { query: { limit: 2 } } }
    for await (const member of client.items('/api/members', init)) seen.push(member.id)
    expect(seen.toSorted()).toEqual([admin, ...others].map((it) => it.id).toSorted())
    expect(sent).toHaveLength(3)
    for await (const _first of client.items('/api/members', init)) break
    expect(sent).toHaveLength(4)
  })
})

describe('a change with ifMatch', () => {
  test('is refused if the thing has changed since it was read', async () => {
    const { client } = await signedIn()
    const name = 'versions'
    const created = await client.POST('/api/roles', { body: { name, permissions: [] } })
    const params = { path: { role_id: String(created.data.id) } }
    const read = await client.GET('/api/roles/{role_id}', { params })
    const change = (description: string) =>
      client.PATCH('/api/roles/{role_id}', { params, body: { description }, ...ifMatch(read) })
    expect((await change('Two')).data.description).toBe('Two')
    expect((await problemOf(change('Three')))?.status).toBe(412)
    expect(() => ifMatch({ etag: undefined })).toThrow('no ETag')
  })
})

test('a write is named in later requests for as long as its reply says', async () => {
  const named: (string | null)[] = []
  const client = createClient({
    origin: `http://${tenant.host}`,
    session: tokens(),
    fetch: async (request) => {
      named.push(request.headers.get('tenantry-written'))
      const headers = request.method === 'POST' ? { 'tenantry-written': '3000' } : {}
      return Response.json({}, { headers })
    },
  })
  await client.GET('/')
  await client.POST('/api/roles', { body: { name: 'a role', permissions: [] } })
  await client.GET('/')
  expect(named).toEqual([null, null, '3000'])
  const last = async () => {
    await client.GET('/')
    return named.at(-1)
  }
  await expect.poll(last, { interval: 50 }).toBeNull()
})

describe('a rejected request', () => {
  test.each([429, 503])('is sent again after %s, when Retry-After says so', async (status) => {
    const { client, sent } = clientOf({ fetch: busy(2, { 'retry-after': '0' }, status) })
    expect((await client.GET('/')).data.status).toBe('ok')
    expect(sent).toHaveLength(3)
  })

  test('is not sent again without Retry-After, nor if that is long, nor for ever', async () => {
    const attempts = async (times: number, headers: Record<string, string>) => {
      const { client, sent } = clientOf({ fetch: busy(times, headers) })
      expect((await problemOf(client.GET('/')))?.code).toBe('server.busy')
      return sent.length
    }
    expect(await attempts(1, {})).toBe(1)
    expect(await attempts(1, { 'retry-after': '900' })).toBe(1)
    expect(await attempts(1, { 'retry-after': 'tomorrow' })).toBe(1)
    expect(await attempts(9, { 'retry-after': '0' })).toBe(3)
  })

  test('waits until the date in Retry-After', async () => {
    const date = new Date(Date.now() + 1_500).toUTCString()
    const { client } = clientOf({ fetch: busy(1, { 'retry-after': date }) })
    expect((await client.GET('/')).response.status).toBe(200)
  })

  test('is not sent again if a second time would have a second effect', async () => {
    const { client, sent } = clientOf({ fetch: busy(1, { 'retry-after': '0' }) })
    const body = { name: 'once', permissions: [] }
    expect((await problemOf(client.POST('/api/roles', { body })))?.status).toBe(503)
    expect(sent).toHaveLength(1)
  })

  test('is given up when its signal aborts', async () => {
    const stop = new AbortController()
    const { client, sent } = clientOf({ fetch: busy(1, { 'retry-after': '9' }) })
    const sending = client.GET('/', { signal: stop.signal })
    setTimeout(() => stop.abort(new Error('left the page')), 50)
    await expect(sending).rejects.toThrow('left the page')
    expect(sent).toHaveLength(1)
  })
})
