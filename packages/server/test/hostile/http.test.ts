import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestApp, type TestApp, type TestTenant, type TestUser } from '../../src/testing.ts'
import { app } from '../fixtures/app/app.ts'
import { expectProblem } from '../fixtures/problem.ts'
import { type RawReply, rawRequest, sendRaw } from './raw_socket.ts'

let api: TestApp
let tenant: TestTenant
let user: TestUser
let host: string
let authorization: string
beforeAll(async () => {
  api = await startTestApp(app)
  tenant = await api.makeTenant()
  user = await tenant.makeUser({ roles: ['admin_tenant'] })
  host = `Host: ${tenant.host}`
  authorization = `Authorization: Bearer ${user.accessToken}`
})
afterAll(() => api.close())

const ask = (line: string, ...headers: string[]) =>
  sendRaw(api.port, rawRequest(line, host, ...headers))
const json = 'Content-Type: application/json'

function post(path: string, body: string | Buffer, ...headers: string[]): Buffer {
  const length = `Content-Length: ${Buffer.byteLength(body)}`
  const head = rawRequest(`POST ${path} HTTP/1.1`, host, json, length, ...headers)
  return Buffer.concat([Buffer.from(head), Buffer.from(body)])
}

/** The number of requests that the server logged meanwhile. */
async function requestsSeen(work: () => Promise<unknown>): Promise<number> {
  const before = api.logLines.length
  await work()
  return api.logLines.length - before
}

describe('a request with an ambiguous end is a 400 that closes the connection:', () => {
  const smuggled = 'GET /api/auth/me HTTP/1.1\r\nHost: b.app.test\r\n\r\n'

  test.each<[string, string[], string]>([
    ['length and chunks', ['Content-Length: 4', 'Transfer-Encoding: chunked'], '0\r\n\r\n'],
    ['chunks and length', ['Transfer-Encoding: chunked', 'Content-Length: 4'], '0\r\n\r\n'],
    ['two lengths', ['Content-Length: 2', 'Content-Length: 0'], '{}'],
    ['a list of lengths', ['Content-Length: 2, 0'], '{}'],
    ['a negative length', ['Content-Length: -1'], '{}'],
    ['a signed length', ['Content-Length: +2'], '{}'],
    ['a hexadecimal length', ['Content-Length: 0x2'], '{}'],
    ['a length with a space', ['Content-Length: 2 0'], '{}'],
    ['a length beyond the largest integer', ['Content-Length: 99999999999999999999'], '{}'],
    ['an unknown coding', ['Transfer-Encoding: xchunked'], '0\r\n\r\n'],
    ['chunked, but not last', ['Transfer-Encoding: chunked, identity'], '0\r\n\r\n'],
    ['a coding behind a tab', ['Transfer-Encoding:\tchunked', 'Content-Length: 2'], '0\r\n\r\n'],
    ['a coding behind a line', ['Transfer-Encoding:', ' chunked'], '0\r\n\r\n'],
    ['a space before the colon', ['Transfer-Encoding : chunked'], '0\r\n\r\n'],
    ['a chunk size that is not a number', ['Transfer-Encoding: chunked'], 'zz\r\n{}\r\n0\r\n\r\n'],
    ['a negative chunk size', ['Transfer-Encoding: chunked'], '-2\r\n{}\r\n0\r\n\r\n'],
    ['a chunk longer than its size', ['Transfer-Encoding: chunked'], '1\r\n{}\r\n0\r\n\r\n'],
    ['a chunk that ends in LF', ['Transfer-Encoding: chunked'], '2\n{}\n0\n\n'],
    [
      'a chunk size of 68 bits',
      ['Transfer-Encoding: chunked'],
      'ffffffffffffffff1\r\n{}\r\n0\r\n\r\n',
    ],
    ['a folded header', ['X-Folded: a', ' b'], ''],
    ['a header without a colon', ['X-Nothing'], ''],
    ['a header without a name', [': x'], ''],
    ['a NUL in a header', ['X-Nul: a\0b'], ''],
    ['a bare CR in a header', ['X-Cr: a\rX-Other: b'], ''],
  ])('%s', async (_, headers, body) => {
    const head = rawRequest('POST /api/auth/login HTTP/1.1', host, json, ...headers)
    const replies = await sendRaw(api.port, head + body + smuggled, 3)
    expect(replies).toHaveLength(1)
    expectProblem(replies[0], 400)
    expect(replies[0]?.headers['connection']).toBe('close')
  })

  test('the body of a rejected request is not read as a request', async () => {
    const body = 'GET /api/auth/me HTTP/1.1\r\nHost: b.app.test\r\n\r\n'
    const seen = await requestsSeen(async () => {
      const [rejected, next] = await sendRaw(
        api.port,
        Buffer.concat([
          post('/api/projects', body),
          Buffer.from(rawRequest('GET / HTTP/1.1', host)),
        ]),
        2,
      )
      expectProblem(rejected, 401)
      expect(next?.status ?? 200).toBe(200)
    })
    expect(seen).toBeLessThanOrEqual(2)
  })

  test('the body of a GET is not read as a request', async () => {
    const head = rawRequest('GET / HTTP/1.1', host, `Content-Length: ${smuggled.length}`)
    const next = rawRequest('GET /api/nothing HTTP/1.1', host, 'Connection: close')
    const replies = await sendRaw(api.port, head + smuggled + next, 3)
    expect(replies.map((it) => it.status)).toEqual([200, 404])
  })

  test('requests on one connection share neither tenant nor user', async () => {
    const other = await api.makeTenant()
    const me = (...headers: string[]) => rawRequest('GET /api/auth/me HTTP/1.1', ...headers)
    const [own, anonymous, foreign, again] = await sendRaw(
      api.port,
      me(host, authorization) +
        me(host) +
        me(`Host: ${other.host}`, authorization) +
        me(host, authorization),
      4,
    )
    expect([own, anonymous, foreign, again].map((it) => it?.status)).toEqual([200, 401, 401, 200])
    const ids = [own, anonymous, foreign, again].map((it) => it?.headers['x-request-id'])
    expect(new Set(ids).size).toBe(4)
  })

  test('trailers are ignored', async () => {
    const head = rawRequest('POST /api/projects HTTP/1.1', host, json, 'Transfer-Encoding: chunked')
    const trailers = `2\r\n{}\r\n0\r\n${authorization}\r\nHost: b.app.test\r\n\r\n`
    const [reply] = await sendRaw(api.port, head + trailers)
    expectProblem(reply, 401)
  })
})

describe('limits (DOS-1)', () => {
  const filled = (bytes: number) => JSON.stringify({ name: 'x', description: 'd'.repeat(bytes) })
  const statusOf = ([reply]: RawReply[]) => reply?.status

  test('16 kB of headers', async () => {
    expect(statusOf(await ask('GET / HTTP/1.1', `X-Big: ${'a'.repeat(15_000)}`))).toBe(200)
    expectProblem((await ask('GET / HTTP/1.1', `X-Big: ${'a'.repeat(17_000)}`))[0], 431)
    const many = Array.from({ length: 20 }, (_, at) => `X-${at}: ${'a'.repeat(1_000)}`)
    expectProblem((await ask('GET / HTTP/1.1', ...many))[0], 431)
    expectProblem((await ask('GET / HTTP/1.1', `${'X'.repeat(17_000)}: a`))[0], 431)
  })

  test('a hundred headers', async () => {
    const headers = (count: number) => Array.from({ length: count }, (_, at) => `X-${at}: a`)
    expect(statusOf(await ask('GET / HTTP/1.1', ...headers(99)))).toBe(200)
    expectProblem((await ask('GET / HTTP/1.1', ...headers(100)))[0], 431)
    expectProblem((await ask('GET / HTTP/1.1', ...headers(2_000)))[0], 431)
  })

  test('a URL of 8 kB', async () => {
    const url = (length: number) => `/?${'q'.repeat(length - 2)}`
    // The longest URL is read: its parameter is unknown.
    expectProblem((await ask(`GET ${url(8_192)} HTTP/1.1`))[0], 422)
    expectProblem((await ask(`GET ${url(8_193)} HTTP/1.1`))[0], 414)
    expectProblem((await ask(`GET /${'p'.repeat(9_000)} HTTP/1.1`))[0], 414)
    expectProblem((await ask(`GET /api/projects/${'p'.repeat(9_000)} HTTP/1.1`))[0], 414)
    expectProblem(
      (await ask(`GET /api/projects/${'p'.repeat(900)} HTTP/1.1`, authorization))[0],
      422,
    )
  })

  test('a body of 256 kB, by Content-Length or in chunks', async () => {
    const send = (body: string) => sendRaw(api.port, post('/api/projects', body, authorization))
    expectProblem((await send(filled(262_144)))[0], 413)
    // Within the limit the schema rejects it.
    expectProblem((await send(filled(262_000)))[0], 422)
    const chunked = rawRequest(
      'POST /api/projects HTTP/1.1',
      host,
      json,
      authorization,
      'Transfer-Encoding: chunked',
    )
    const chunk = `10000\r\n${'x'.repeat(65_536)}\r\n`
    expectProblem((await sendRaw(api.port, chunked + chunk.repeat(5)))[0], 413)
    const oversized = rawRequest(
      'POST /api/projects HTTP/1.1',
      host,
      json,
      authorization,
      'Content-Length: 9999999999',
    )
    expectProblem((await sendRaw(api.port, oversized))[0], 413)
  })

  test('a body of 32 kB on public routes', async () => {
    const actions = ['login', 'token', 'refresh', 'logout', 'forgot-password', 'reset-password']
    for (const action of actions) {
      const path = `/api/auth/${action}`
      const type = action === 'token' ? 'Content-Type: application/x-www-form-urlencoded' : json
      const oversized = rawRequest(`POST ${path} HTTP/1.1`, host, type, 'Content-Length: 32769')
      expectProblem((await sendRaw(api.port, oversized))[0], 413)
    }
    const escaped = (length: number) => '\\u0061'.repeat(length)
    const longest = `{"token":"${escaped(512)}","new_password":"${escaped(4_096)}"}`
    const reply = await sendRaw(api.port, post('/api/auth/reset-password', longest))
    expectProblem(reply[0], 400)
  })

  test('a body is not read before the request is authenticated', async () => {
    const oversized = rawRequest(
      'POST /api/projects HTTP/1.1',
      host,
      json,
      'Content-Length: 9999999999',
    )
    expectProblem((await sendRaw(api.port, oversized))[0], 401)
    expectProblem((await sendRaw(api.port, post('/api/projects', '{{{{')))[0], 401)
  })

  test('a reply lists at most twenty errors', async () => {
    const body = JSON.stringify({ name: 'x', permissions: Array.from({ length: 500 }, () => 1) })
    const [reply] = await sendRaw(api.port, post('/api/roles', body, authorization))
    expectProblem(reply, 422)
    expect(reply?.json.errors).toHaveLength(20)
  })
})

describe('HTTP oddities', () => {
  test.each([
    ['an unknown Expect', ['Expect: the-unexpected']],
    [
      'an Upgrade to WebSocket',
      ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Key: x'],
    ],
    [
      'an Upgrade to h2c',
      ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABk'],
    ],
    ['Connection with end-to-end headers', ['Connection: Authorization, Host, X-Request-Id']],
    ['Accept of an unknown type', ['Accept: image/png', 'Accept-Encoding: x', 'Accept-Charset: x']],
    ['Accept-Version', ['Accept-Version: 99.0.0']],
    ['a range', ['Range: bytes=0-1']],
    [
      'conditions on a read',
      ['If-None-Match: *', 'If-Modified-Since: Thu, 01 Jan 2037 00:00:00 GMT'],
    ],
  ])('%s has no effect', async (_, headers) => {
    const [reply] = await ask('GET / HTTP/1.1', ...headers)
    expect([reply?.status, reply?.json]).toEqual([200, { status: 'ok', message: 'API is running' }])
  })

  test('Expect: 100-continue is answered, then the request', async () => {
    const [reply] = await sendRaw(api.port, post('/api/auth/login', '{}', 'Expect: 100-continue'))
    expectProblem(reply, 422)
  })

  test.each(['GETX / HTTP/1.1', 'get / HTTP/1.1', 'GET / HTTP/9.9', 'PRI * HTTP/2.0', '\0\0\0'])(
    '%j is not a request',
    async (line) => expectProblem((await ask(line))[0], 400),
  )

  test('a method in a header is ignored, in a parameter rejected', async () => {
    const override = [
      'X-HTTP-Method-Override: DELETE',
      'X-Method-Override: DELETE',
      'X-HTTP-Method: DELETE',
    ]
    const [reply] = await ask('GET /api/projects HTTP/1.1', authorization, ...override)
    expect(reply?.status).toBe(200)
    const [named] = await ask('GET /api/projects?_method=DELETE HTTP/1.1', authorization)
    expectProblem(named, 422)
  })
})
