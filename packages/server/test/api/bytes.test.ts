import { createHmac, timingSafeEqual } from 'node:crypto'
import { once } from 'node:events'
import { get as httpGet, type IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { Route } from '../../src/app/route.ts'
import { AppError, file, raw, redirect, withCookies } from '../../src/index.ts'
import { auditFaults } from '../../src/testing/sweeps/audit.ts'
import { inputFaults } from '../../src/testing/sweeps/inputs/canaries.ts'
import { isolationFaults } from '../../src/testing/sweeps/isolation.ts'
import { replyFaults } from '../../src/testing/sweeps/replies.ts'
import { createWorld } from '../../src/testing/sweeps/world/world.ts'
import { startTestApp, type TestApp, type TestTenant, type TestUser } from '../../src/testing.ts'
import { app } from '../fixtures/app/app.ts'
import { get, post } from '../fixtures/app/policy.ts'

const secret = 'shared with the other service'
const sign = (bytes: Buffer | string) => createHmac('sha256', secret).update(bytes).digest('hex')
const MEGABYTE = Buffer.alloc(1024 * 1024, 'x')
const state = { chunks: 0, returned: 0 }
let silent: Readable | undefined

// A generator that waits cannot be ended.
async function* waiting(): AsyncGenerator<Buffer> {
  yield MEGABYTE
  await new Promise(() => {})
}

async function* chunks(count: number, failAt = -1, pauseMs = 0) {
  try {
    for (let n = 0; n < count; n++) {
      if (n === failAt) throw new Error('the object store went away')
      if (pauseMs > 0) await sleep(pauseMs)
      state.chunks++
      yield MEGABYTE
    }
  } finally {
    state.returned++
  }
}

// Sends one chunk, then nothing: the other end of it has stopped, too.
function silentStream(): Readable {
  silent = new Readable({ read() {} })
  silent.push(MEGABYTE)
  return silent
}

const csv = file({ types: ['text/csv'] })
const any = file({ types: ['image/png', 'image/svg+xml', 'text/html', 'application/octet-stream'] })
const stream = (body: AsyncIterable<Buffer>, size?: number) => ({
  type: 'application/octet-stream',
  name: 'big.bin',
  body,
  ...(size === undefined ? {} : { size }),
})
const routes: Route[] = [
  post('/api/hooks', {
    access: 'public',
    summary: 'Receive a webhook',
    headers: z.object({ 'x-signature': z.string().max(200) }),
    body: raw({ max: 1000, types: ['application/json', 'text/plain'] }),
    reply: z.object({ bytes: z.int() }),
    errors: [401],
    handle(_ctx, { headers, body }) {
      const expected = Buffer.from(sign(body))
      const given = Buffer.from(headers['x-signature'])
      if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
        throw new AppError('unauthenticated', 'hook.signature', 'The signature is wrong')
      }
      return { bytes: body.length }
    },
  }),
  get('/api/reports', {
    access: 'projects:read',
    summary: 'Download a report',
    query: z.object({ name: z.string().max(300).default('report.csv') }),
    reply: csv,
    handle: (_ctx, { query }) => ({ type: 'text/csv', name: query.name, body: 'a,b\né,1\n' }),
  }),
  get('/api/themes', {
    access: 'public',
    summary: 'Show the theme, and keep it',
    query: z.object({ theme: z.string().max(20).optional() }),
    appCookies: z.object({ theme: z.string().max(20).default('light') }),
    reply: z.object({ theme: z.string() }),
    handle(_ctx, { query, cookies }) {
      const reply = { theme: cookies.theme }
      const { theme: value } = query
      return value === undefined ? reply : withCookies(reply, { name: 'theme', value, maxAge: 60 })
    },
  }),
  get('/api/other-cookies', {
    access: 'public',
    summary: 'Set a cookie that may be wrong',
    query: z.object({ name: z.string(), value: z.string() }),
    appCookies: z.object({ theme: z.string().optional() }),
    handle: (_ctx, { query }) => withCookies(undefined, query),
  }),
  get('/api/manuals', {
    access: 'member',
    summary: 'Download the manual',
    reply: csv,
    handle: () => ({ type: 'text/csv', name: 'manual.csv', body: 'a' }),
  }),
  get('/api/pictures', {
    access: 'projects:read',
    summary: 'Show a picture',
    query: z.object({ type: z.string().max(50).default('image/png') }),
    reply: any,
    handle: (_ctx, { query }) => ({ type: query.type, name: 'p', body: Buffer.from('<script>') }),
  }),
  ...[
    { path: '/api/streams/big', body: () => stream(chunks(300)) },
    { path: '/api/streams/failing', body: () => stream(chunks(5, 3)) },
    { path: '/api/streams/short', body: () => stream(chunks(2), 3 * MEGABYTE.length) },
    { path: '/api/streams/long', body: () => stream(chunks(3), 2 * MEGABYTE.length) },
    { path: '/api/streams/silent', body: () => stream(silentStream()) },
    { path: '/api/streams/waiting', body: () => stream(waiting()) },
    { path: '/api/streams/slow', body: () => stream(chunks(200, -1, 50)) },
  ].map(({ path, body }) =>
    get(path as `/${string}`, {
      access: 'member',
      summary: 'Stream',
      reply: any,
      handle: body,
    }),
  ),
  post('/api/exports', {
    access: 'projects:read',
    summary: 'Export, and record it',
    audit: 'projects.export',
    reply: csv,
    handle: () => ({ type: 'text/csv', name: 'export.csv', body: 'a' }),
  }),
  get('/api/leave', {
    access: 'public',
    summary: 'Go elsewhere',
    query: z.object({ to: z.string().max(300).default('/') }),
    reply: redirect({ origins: ['https://pay.example.com'] }),
    handle: (_ctx, { query }) => query.to,
  }),
]
const withBytes = { ...app, routes: [...app.routes, ...routes] }

let api: TestApp
let tenant: TestTenant
let user: TestUser
beforeAll(async () => {
  api = await startTestApp(withBytes, { LOG_LEVEL: 'info' })
  tenant = await api.makeTenant()
  user = await tenant.makeUser({ roles: ['manager'] })
})
afterAll(() => api.close())

describe('a raw body', () => {
  const post = (body: unknown, headers: Record<string, string> = { 'x-signature': 'none' }) =>
    tenant.send({ method: 'POST', path: '/api/hooks', body, headers })
  const blob = (bytes: Buffer | string, type: string) => new Blob([bytes], { type })

  test('arrives byte for byte, also as JSON that no parser would return like this', async () => {
    for (const [type, text] of [
      ['application/json', '{ "a":1, "a": 1.0e0,\n}'],
      ['text/plain', '\u0000\uFEFF ÿ'],
    ] as const) {
      const bytes = Buffer.from(text, 'latin1')
      const reply = await post(blob(bytes, type), { 'X-Signature': sign(bytes) })
      expect([reply.status, reply.json]).toEqual([200, { bytes: bytes.length }])
    }
    expect((await post(blob('{}', 'application/json'))).status).toBe(401)
  })

  test('comes with the headers that the route declares', async () => {
    const unsigned = await post(blob('{}', 'application/json'), {})
    expect([unsigned.status, unsigned.json.errors[0].pointer]).toEqual([
      422,
      '/headers/x-signature',
    ])
    const long = await post(blob('{}', 'application/json'), { 'x-signature': 'x'.repeat(201) })
    expect([long.status, long.json.errors[0].pointer]).toEqual([422, '/headers/x-signature'])
    const document = (await tenant.send({ path: '/openapi.json' })).json
    expect(document.paths['/api/hooks'].post.parameters).toMatchObject([
      { name: 'x-signature', in: 'header', required: true, schema: { maxLength: 200 } },
    ])
  })

  test('has a limit and media types of its own, and leaves those of other routes alone', async () => {
    const signature = { 'x-signature': 'none' }
    expect((await post(blob('x'.repeat(1001), 'text/plain'))).status).toBe(413)
    expect((await post(blob('x', 'application/xml'))).status).toBe(415)
    expect((await post('x')).status).toBe(415)
    expect((await post(undefined)).status).toBe(401)
    const zipped = { ...signature, 'content-encoding': 'gzip' }
    expect((await post(blob('x', 'text/plain'), zipped)).status).toBe(415)
    const path = '/api/projects'
    const send = (body: unknown) => tenant.send({ method: 'POST', path, user, body })
    expect((await send(blob('{}', 'text/plain'))).status).toBe(415)
    expect((await send({ name: 'Parsed' })).status).toBe(201)
  })
})

describe('a cookie of the app', () => {
  const themes = (query = '', cookie?: string) =>
    tenant.send({ path: `/api/themes${query}`, headers: cookie === undefined ? {} : { cookie } })

  test('is set so that neither a script nor a page of a sibling can reach it', async () => {
    const { headers, json } = await themes('?theme=a%3B%20b')
    expect(json).toEqual({ theme: 'light' })
    expect(headers['set-cookie']).toBe(
      '__Host-theme=a%3B%20b; Max-Age=60; Path=/; HttpOnly; Secure; SameSite=Lax',
    )
  })

  test.each([
    ['its value', 'x=1; __Host-theme=a%3B%20b', 'a; b'],
    ['none where there is none', 'x=1', 'light'],
    ['none of that name without the prefix', 'theme=dark', 'light'],
    ['none that its schema does not accept', `__Host-theme=${'x'.repeat(21)}`, 'light'],
    ['none that PostgreSQL cannot store', '__Host-theme=%00', 'light'],
  ])('gives the handler %s', async (_, cookie, theme) => {
    expect((await themes('', cookie)).json).toEqual({ theme })
  })

  test('is refused where the route does not declare it, and where no browser stores it', async () => {
    const send = (name: string, value: string) =>
      tenant.send({ path: `/api/other-cookies?name=${name}&value=${value}` })
    const undeclared = await send('other', 'x')
    const long = await send('theme', 'x'.repeat(4096))
    expect([undeclared.status, long.status]).toEqual([500, 500])
    expect([undeclared.headers, long.headers].map((it) => it['set-cookie'])).toEqual([
      undefined,
      undefined,
    ])
  })
})

describe('a file', () => {
  const download = (query: string) => tenant.send({ path: `/api/reports?${query}`, user })

  test('is saved and not shown, and confined where it is shown', async () => {
    const { status, headers, text } = await download('')
    expect([status, text]).toEqual([200, 'a,b\né,1\n'])
    expect(headers).toMatchObject({
      'content-type': 'text/csv; charset=utf-8',
      'content-length': '9',
      'content-security-policy': "sandbox; default-src 'none'",
      'x-content-type-options': 'nosniff',
      'content-disposition': 'attachment; filename="report.csv"',
    })
    const typed = (type: string) =>
      tenant.send({ path: `/api/pictures?type=${encodeURIComponent(type)}`, user })
    expect((await typed('image/png')).headers['content-disposition']).toBe('inline; filename="p"')
    for (const type of ['image/svg+xml', 'text/html']) {
      expect((await typed(type)).headers['content-disposition']).toMatch(/^attachment/)
    }
    expect((await typed('application/pdf')).status).toBe(500)
  })

  test.each([
    [
      'Überblick "2026".csv',
      `filename="_berblick _2026_.csv"; filename*=UTF-8''%C3%9Cberblick%20%222026%22.csv`,
    ],
    ['../../etc/passwd', 'filename="passwd"'],
    ['C:\\a\\b.txt', 'filename="b.txt"'],
    ['a\r\nset-cookie: x=1', 'filename="a__set-cookie: x=1"'],
    [
      "日本'(1)*.csv",
      `filename="__'(1)*.csv"; filename*=UTF-8''%E6%97%A5%E6%9C%AC%27%281%29%2A.csv`,
    ],
    ['bill\u202Efdp.exe', 'filename="bill_fdp.exe"'],
    ['', 'filename="file"'],
  ])('has the name %j in one header field (RFC 6266, RFC 8187)', async (name, expected) => {
    const { headers } = await download(new URLSearchParams({ name }).toString())
    expect(headers['content-disposition']).toBe(`attachment; ${expected}`)
    expect(headers['set-cookie']).toBeUndefined()
  })

  test('of a write is sent after its audit row was committed', async () => {
    const { status, text } = await tenant.send({ method: 'POST', path: '/api/exports', user })
    expect([status, text]).toEqual([200, 'a'])
    const log = await tenant.send({ path: '/api/audit-logs?action=projects.export', user })
    expect(log.json.items).toHaveLength(1)
  })
})

describe('a stream', () => {
  function open(path: string): Promise<IncomingMessage> {
    const headers = { host: tenant.host, authorization: `Bearer ${user.accessToken}` }
    return new Promise((resolve, reject) => {
      // Not on a connection that the server has just ended.
      const options = { host: '127.0.0.1', port: api.port, path, headers, agent: false }
      httpGet(options, resolve).on('error', reject)
    })
  }
  async function readAll(path: string): Promise<{ bytes: number; complete: boolean }> {
    const reply = await open(path)
    let bytes = 0
    reply.on('data', (chunk: Buffer) => (bytes += chunk.length))
    await new Promise((resolve) => reply.on('close', resolve).on('error', resolve))
    return { bytes, complete: reply.complete }
  }

  test('larger than what is kept in memory goes through at the pace of its reader', async () => {
    state.chunks = 0
    const reply = await open('/api/streams/big')
    await once(reply, 'readable')
    await sleep(300)
    // The client has read nothing yet: only the buffers of both sides are full.
    expect(state.chunks).toBeLessThan(30)
    let bytes = 0
    for await (const chunk of reply) bytes += chunk.length
    expect([bytes, reply.complete]).toEqual([300 * MEGABYTE.length, true])
  })

  // What is longer than its size is cut there: the client has what it was promised.
  test.each([
    ['failing', false],
    ['short', false],
    ['long', true],
  ])('that is %s is not taken for a whole one, and is logged', async (name, isWhole) => {
    const logged = api.logLines.length
    const { complete } = await readAll(`/api/streams/${name}`)
    expect(complete).toBe(isWhole)
    const lines = () => api.logLines.slice(logged).join('\n')
    await expect.poll(lines).toContain('the stream of a file failed')
    expect((await tenant.send({ path: '/api/auth/me', user })).status).toBe(200)
  })

  test('ends when its client goes away, and for HEAD before it begins', async () => {
    const before = state.returned
    const reply = await open('/api/streams/slow')
    await once(reply, 'data')
    reply.destroy()
    await expect.poll(() => state.returned).toBe(before + 1)
    state.chunks = 0
    const head = await tenant.send({ method: 'HEAD', path: '/api/streams/slow', user })
    expect([head.status, head.text]).toEqual([200, ''])
    await sleep(200)
    expect(state.chunks).toBe(0)
  })

  test('that has nothing to send is released when its client goes away', async () => {
    const logged = api.logLines.length
    const reply = await open('/api/streams/silent')
    await once(reply, 'data')
    expect(silent?.destroyed).toBe(false)
    reply.destroy()
    await expect.poll(() => silent?.destroyed).toBe(true)
    await sleep(50)
    expect(api.logLines.slice(logged).join('')).not.toContain('the stream of a file failed')
  })

  test.each([
    'slow',
    // Nothing is sent after the first chunk.
    'silent',
    'waiting',
    'slow, revoked by another server',
  ])('that is %s ends when the session of its client is revoked (SESS-9)', async (what) => {
    const [name, elsewhere] = what.split(', ')
    const revoking = elsewhere === undefined ? api : await startTestApp(withBytes)
    const other = await tenant.makeUser({ roles: ['manager'] })
    const headers = { host: tenant.host, authorization: `Bearer ${other.accessToken}` }
    const path = `/api/streams/${name}`
    const reply = await new Promise<IncomingMessage>((resolve) => {
      httpGet({ host: '127.0.0.1', port: api.port, path, headers, agent: false }, resolve)
    })
    const ended = new Promise((resolve) => reply.on('close', resolve).on('error', () => {}))
    await once(reply.resume(), 'data')
    const body = { refresh_token: other.refreshToken }
    await revoking.send(tenant.host, { method: 'POST', path: '/api/auth/logout', body })
    await ended
    expect(reply.complete).toBe(false)
    if (revoking !== api) await revoking.close()
  })
})

describe('a redirect', () => {
  const leave = (to: string) => tenant.send({ path: `/api/leave?${new URLSearchParams({ to })}` })

  test.each([
    ['/', '/'],
    ['/a/b?c=d#e', '/a/b?c=d#e'],
    ['/é x', '/%C3%A9%20x'],
    ['/..//evil.example', '/..//evil.example'],
    ['https://pay.example.com/x', 'https://pay.example.com/x'],
  ])('may lead to %s', async (to, location) => {
    const { status, headers } = await leave(to)
    expect([status, headers['location']]).toEqual([303, location])
  })

  test.each([
    '//evil.example',
    '/\\evil.example',
    '\\/evil.example',
    '/a\\b',
    '/\t/evil.example',
    '\t//evil.example',
    '/\r\nset-cookie: a=b',
    'evil.example',
    'javascript:alert(1)',
    'https://evil.example/',
    'http://pay.example.com/',
    'https://pay.example.com@evil.example/',
    'https://user:pw@pay.example.com/',
    'https://pay.example.com\\@evil.example/',
    'https://pay.example.com.evil.example/',
    ' https://pay.example.com/',
    '',
  ])('may not lead to %j', async (to) => {
    const { status, headers, json } = await leave(to)
    expect([status, json.code, headers['location']]).toEqual([400, 'redirect.target', undefined])
  })
})

test('such routes pass the sweeps', async () => {
  const settings = { LOG_LEVEL: 'debug', METRICS_PORT: '0' }
  const world = await createWorld(withBytes, { settings })
  const own = new Set(['/api/hooks', '/api/themes', '/api/manuals', '/api/exports', '/api/leave'])
  const swept = { ...world, routes: world.routes.filter(({ path }) => own.has(path)) }
  try {
    expect(await replyFaults(swept)).toEqual([])
    expect(await isolationFaults(swept)).toEqual([])
    expect(await inputFaults(swept)).toEqual([])
    expect(await auditFaults(swept)).toEqual([])
  } finally {
    await world.close()
  }
}, 120_000)
