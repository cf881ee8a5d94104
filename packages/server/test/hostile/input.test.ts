import { randomUUID } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { Route } from '../../src/app/route.ts'
import {
  startTestApp,
  type TestApp,
  type TestRequest,
  type TestTenant,
  type TestUser,
} from '../../src/testing.ts'
import { oddRoutes } from '../api/odd_routes.ts'
import { app } from '../fixtures/app/app.ts'
import { expectProblem } from '../fixtures/problem.ts'
import { rawRequest, sendRaw } from './raw_socket.ts'

let api: TestApp
let tenant: TestTenant
let user: TestUser
beforeAll(async () => {
  api = await startTestApp({ ...app, routes: [...app.routes, ...oddRoutes] }, { RATE_LIMIT: 'off' })
  tenant = await api.makeTenant()
  user = await tenant.makeUser({ roles: ['admin_tenant'] })
})
afterAll(() => api.close())

const pathOf = ({ path }: Route) => path.replaceAll(/:\w+/g, () => randomUUID())
const bodied = () =>
  api.running.routes.filter(({ body, media }) => body !== undefined && media === 'json')

/** Sends a request to the host of a route; signed in where that is a tenant's. */
const sendTo = ({ access }: Route, request: TestRequest) =>
  access === 'base' ? api.send(api.config.APP_HOST, request) : tenant.send({ ...request, user })

const fieldsOf = ({ body }: Route) => (body instanceof z.ZodObject ? Object.keys(body.shape) : [])

/** Sends exactly this body; `type` may be several header lines. */
async function post(path: string, body: string | Buffer, type = 'Content-Type: application/json') {
  const head = rawRequest(
    `POST ${path} HTTP/1.1`,
    `Host: ${tenant.host}`,
    `Authorization: Bearer ${user.accessToken}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...type.split('\n'),
  )
  const [reply] = await sendRaw(api.port, Buffer.concat([Buffer.from(head), Buffer.from(body)]))
  return reply
}

async function projectNames(): Promise<string[]> {
  const { json } = await tenant.send({ path: '/api/projects?limit=100', user })
  return json.items.map((it: { name: string }) => it.name)
}

describe('a hostile body is a 400 or 422, and nothing is created (API-7)', () => {
  test.each<[string, string | Buffer, number]>([
    ['a doubled key', '{"name":"one","name":"two"}', 400],
    ['a doubled key, escaped', '{"name":"one","n\\u0061me":"two"}', 400],
    ['__proto__', '{"name":"one","__proto__":{"role":"admin"}}', 400],
    ['constructor', '{"name":"one","constructor":{"prototype":{"role":"admin"}}}', 422],
    ['toString', '{"name":"one","toString":1}', 422],
    ['NUL', '{"name":"one\\u0000"}', 400],
    ['half a surrogate pair', '{"name":"\\ud800"}', 400],
    ['2^53+1', '{"name":9007199254740993}', 422],
    ['-0', '{"name":-0}', 422],
    ['1e400', '{"name":1e400}', 422],
    ['a hundred thousand lists', '['.repeat(100_000), 400],
    ['a deep object', `${'{"name":'.repeat(33)}1${'}'.repeat(33)}`, 400],
    ['a deep object within the limit', `${'{"name":'.repeat(31)}1${'}'.repeat(31)}`, 422],
    ['ten thousand keys', `{${Array.from({ length: 10_000 }, (_, at) => `"k${at}":1`)}}`, 400],
    ['broken UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), 400],
    ['UTF-16', Buffer.from('{"name":"one"}', 'utf16le'), 400],
    ['gzip', gzipSync('{"name":"one"}'), 400],
    ['a huge string', JSON.stringify({ name: 'x'.repeat(200_000) }), 422],
    ['a long name of astral characters', JSON.stringify({ name: '😀'.repeat(201) }), 422],
    ['only white space', '{"name":" \\u00a0\\u3000\\ufeff\\n"}', 422],
    ['nothing', '', 422],
    ['null', 'null', 422],
    ['a list', '[{"name":"one"}]', 422],
    ['text', '"name"', 422],
    ['an object for text', '{"name":{"length":1}}', 422],
    ['a list for text', '{"name":["one"]}', 422],
    ['two values', '{"name":"one"}{"name":"two"}', 400],
    ['a query language', '{"name":{"$gt":""}}', 422],
  ])('%s', async (_, body, status) => {
    expectProblem(await post('/api/projects', body), status)
    expect(await projectNames()).toEqual([])
    expect(Object.keys(Object.prototype)).toEqual([])
  })

  test.each([
    ['limit=1&limit=2', 400],
    ['x=1&x=2', 400],
    ['limit=1&limit[]=2', 422],
    ['limit=%00', 400],
    ['%00=1', 400],
    ['limit=0', 422],
    ['limit=101', 422],
    ['limit=-1', 422],
    ['limit=-0', 422],
    ['limit=1.5', 422],
    ['limit=1e400', 422],
    ['limit=NaN', 422],
    ['limit=0x10', 422],
    ['limit=0b11', 422],
    ['limit=1e1', 422],
    ['limit=%205', 422],
    ['limit=5%0A', 422],
    ['limit=%2B5', 422],
    ['limit=5.', 422],
    ['limit=.5e1', 422],
    ['limit=05', 200],
    ['limit=9007199254740993', 422],
    ['limit=%D9%A1', 422],
    ['limit=1;limit=2', 422],
    ['limit=', 422],
    ['cursor=', 422],
    [`cursor=${'a'.repeat(1_001)}`, 400],
    ['__proto__=1&constructor=2&hasOwnProperty=3&__proto__[x]=4', 422],
    ['%ff=%fe&%ED%A0%80=%C0%80&%=%zz', 422],
    ['&&&===???', 422],
  ])('the query %s: %i', async (query, status) => {
    const reply = await tenant.send({ path: `/api/projects?${query}`, user })
    if (status === 200) expect(reply.status).toBe(200)
    else expectProblem(reply, status)
  })

  test('an unknown query parameter is a 422 that names it, on every route', async () => {
    for (const route of api.running.routes) {
      const path = `${pathOf(route)}?toString=1&a~/b=2`
      const reply = await sendTo(route, { method: route.method, path })
      if ([403, 415].includes(reply.status)) continue
      expectProblem(reply, 422)
      const pointers = reply.json.errors.map((it: { pointer: string }) => it.pointer)
      expect(pointers.slice(0, 2)).toEqual(['/query/toString', '/query/a~0~1b'])
    }
  })

  test('a number in a query must be written in digits', async () => {
    const ask = (query: string) => tenant.send({ path: `/api/odd/numbers?${query}` })
    for (const name of ['plain', 'nullish', 'piped']) {
      expect((await ask(`${name}=-12`)).status).toBe(200)
      for (const text of ['', '%20', '0x10', '1e1', '%205', '5%20', 'Infinity', '1_0']) {
        const reply = await ask(`${name}=${text}`)
        expectProblem(reply, 422)
        const message = 'must be written in digits'
        expect(reply.json.errors).toEqual([{ pointer: `/query/${name}`, message }])
      }
    }
    expect((await ask('plain=1.25')).status).toBe(200)
  })

  test.each([
    ['username=a&username=b&password=c', 400],
    ['username=a&password=c&x=1&x=2', 400],
    ['username=a%00&password=c', 400],
    ['a&'.repeat(16_000), 400],
    ['username[]=a&password=b', 422],
    ['', 422],
    ['username=&password=b', 422],
    ['{"username":"a","password":"b"}', 422],
    ['grant_type=client_credentials&username=a&password=b', 422],
    [`username=${'a'.repeat(400)}&password=b`, 422],
    ['__proto__=a&constructor=b&username=a&password=b', 401],
    ['username=%ED%A0%80&password=%ff', 401],
  ])('the form %.60s: %i', async (form, status) => {
    const type = 'Content-Type: application/x-www-form-urlencoded'
    expectProblem(await post('/api/auth/token', form, type), status)
  })

  test('random JSON causes no 5xx on any route', async () => {
    const sane = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.integer(),
      fc.constant(null),
      fc.boolean(),
    )
    for (const route of bodied()) {
      const keys = Object.keys((route.body as { shape?: object }).shape ?? {})
      const body = fc.oneof(
        fc.dictionary(fc.constantFrom(...keys, 'x'), fc.oneof(sane, fc.array(sane))),
        fc.jsonValue(),
      )
      for (const it of fc.sample(body, 6)) {
        const path = pathOf(route)
        const { method } = route
        const reply = await tenant.send({ method, path, user, body: it })
        expect(reply.status, `${method} ${path} ${JSON.stringify(it)}`).toBeLessThan(500)
        if (reply.status >= 400) expectProblem(reply, reply.status)
      }
    }
  }, 60_000)
})

describe('no body is no body, whatever its header fields say', () => {
  test.each([
    'Content-Type: application/json',
    'Content-Type: application/json\nContent-Length: 0',
    'Content-Type: text/plain\nContent-Length: 0',
    'Content-Type: malformed',
    'Content-Type: application/json\nContent-Encoding: gzip',
  ])('a DELETE with %j succeeds, a POST misses its fields', async (lines) => {
    const send = async (line: string) => {
      const head = [`Host: ${tenant.host}`, `Authorization: Bearer ${user.accessToken}`]
      const request = rawRequest(`${line} HTTP/1.1`, ...head, ...lines.split('\n'))
      return (await sendRaw(api.port, request))[0]
    }
    const path = '/api/projects'
    const { json } = await tenant.send({ method: 'POST', path, user, body: { name: lines } })
    expect((await send(`DELETE ${path}/${json.id}`))?.status).toBe(204)
    expectProblem(await send(`POST ${path}`), 422)
  })

  test('in chunks either', async () => {
    const head = [`Host: ${tenant.host}`, `Authorization: Bearer ${user.accessToken}`]
    const chunked = ['Content-Type: application/json', 'Transfer-Encoding: chunked']
    const request = rawRequest('POST /api/projects HTTP/1.1', ...head, ...chunked)
    expectProblem((await sendRaw(api.port, `${request}0\r\n\r\n`))[0], 422)
  })
})

describe('a body of any Content-Type is validated or rejected (API-9)', () => {
  const [form, json] = ['application/x-www-form-urlencoded', 'application/json']

  test.each([
    ...[
      'text/plain',
      'text/json',
      'application/jsonp',
      'application/json5',
      'application/x-json',
      'application',
    ],
    ...[
      'multipart/form-data; boundary=x',
      'multipart/json',
      'application/vnd.api+json',
      'application/*',
      '*/*',
    ],
    ...[
      '',
      ' ',
      ';',
      '/',
      'json',
      'application/',
      '/json',
      'application/ json',
      'application /json',
      'undefined',
    ],
    ...[
      'application/json, text/plain',
      'text/plain, application/json',
      'application/json,application/json',
    ],
    ...[
      'application\\json',
      'application/json\u00a0',
      'application/json\\',
      '"application/json"',
      'constructor',
    ],
    ...[
      'application/json application/xml',
      'application/jsonapplication/json',
      'text/plain; application/json',
      form,
    ],
  ])('%j is not JSON', async (type) => {
    expectProblem(await post('/api/projects', '{"name":"typed"}', `Content-Type: ${type}`), 415)
    expect(await projectNames()).not.toContain('typed')
  })

  test.each([
    ...[
      'application/json',
      'APPLICATION/JSON',
      'application/json;charset=utf-8',
      'application/json ; charset=UTF-8',
    ],
    ...[
      'application/json\t',
      '\tapplication/json',
      'application/json;',
      'application/json; =',
      'application/json;x;y',
    ],
    ...[
      'application/json; charset=utf-7',
      'application/json; a="b;c", text/plain',
      'Application/Json; x="\\""',
    ],
  ])('%j is JSON, and validated', async (type) => {
    expectProblem(await post('/api/projects', '{"nome":"typed"}', `Content-Type: ${type}`), 422)
    expectProblem(
      await post('/api/projects', '{"name":"a","name":"b"}', `Content-Type: ${type}`),
      400,
    )
  })

  test.each([
    ['no Content-Type', 'X: y', 415],
    ['two Content-Types, the first wrong', `Content-Type: text/plain\nContent-Type: ${json}`, 415],
    ['two Content-Types, the second wrong', `Content-Type: ${json}\nContent-Type: text/plain`, 422],
  ])('%s', async (_, type, status) => {
    expectProblem(await post('/api/projects', '{}', type), status)
  })

  test.each(['gzip', 'br', 'x-gzip', 'GZIP', 'deflate, gzip', 'identity, gzip', ',', 'none'])(
    'with Content-Encoding: %s it is rejected, even uncompressed (RFC 9110, 15.5.16)',
    async (coding) => {
      const type = `Content-Type: ${json}\nContent-Encoding: ${coding}`
      for (const body of ['{"name":"coded"}', gzipSync('{"name":"coded"}')]) {
        const reply = await post('/api/projects', body, type)
        expectProblem(reply, 415)
        expect(reply?.headers['accept-encoding']).toBe('identity')
      }
      expectProblem(await post('/api/auth/token', 'username=a&password=b', `${type}\nX: y`), 415)
      expect(await projectNames()).not.toContain('coded')
    },
  )

  test.each(['identity', 'Identity', 'identity, identity'])(
    'Content-Encoding: %s is accepted',
    async (coding) => {
      const type = `Content-Type: ${json}\nContent-Encoding: ${coding}`
      expectProblem(await post('/api/projects', '{"nome":"plain"}', type), 422)
    },
  )

  test('JSON instead of a form, and a form instead of JSON, are rejected', async () => {
    expectProblem(await post('/api/auth/token', '{"username":"a","password":"b"}'), 415)
    expectProblem(await post('/api/auth/login', 'email=a&password=b', `Content-Type: ${form}`), 415)
  })

  test('a route without a body rejects one', async () => {
    const greet = '/api/permission-check/admin-only'
    expectProblem(await post(greet, '{"as":"boss"}'), 422)
    expectProblem(await post(greet, '{'), 400)
    expectProblem(await post(greet, 'as=boss', 'Content-Type: text/plain'), 415)
    expect((await post(greet, '', 'X: y'))?.status).toBe(200)
  })
})

describe('an error repeats little of the input (API-7):', () => {
  const long = 'k'.repeat(50_000)
  const many = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, at) => [`${'k'.repeat(200)}${at}`, at]))
  const role = (permissions: unknown[]) => ({ name: 'r', permissions })

  test.each<[string, string, unknown]>([
    ['a long key', '/api/projects', { name: 'x', [long]: 1 }],
    ['a long key of astral characters', '/api/projects', { [`a${'😀'.repeat(9_000)}`]: 1 }],
    ['a thousand keys', '/api/projects', many(1_000)],
    ['five hundred wrong items', '/api/roles', role(Array.from({ length: 500 }, () => 1))],
    [
      'five hundred unknown names',
      '/api/roles',
      role(Array.from({ length: 500 }, (_, at) => `x${at}`)),
    ],
    ['a long name', '/api/roles', role([long.slice(0, 130), long])],
  ])('%s', async (_, path, body) => {
    const reply = await tenant.send({ method: 'POST', path, user, body })
    expectProblem(reply, 422)
    expect(reply.json.errors.length).toBeLessThanOrEqual(20)
    expect(reply.text.length).toBeLessThan(15_000)
    expect(reply.text.isWellFormed()).toBe(true)
  })

  test('a long name that appears twice', async () => {
    const name = long.slice(0, 10_000)
    const form = `${name}=1&${name}=2`
    const type = 'Content-Type: application/x-www-form-urlencoded'
    const reply = await post('/api/auth/token', form, type)
    expectProblem(reply, 400)
    expect(reply?.text.length).toBeLessThan(1_000)
  })
})

describe('only listed fields come in and go out (AUTHZ-5)', () => {
  test('every route that takes JSON rejects an unknown key', async () => {
    const keys = [
      'role',
      'is_admin',
      'is_superuser',
      'id',
      'user_id',
      'created_at',
      'password_hash',
      '',
    ]
    for (const route of bodied()) {
      for (const key of [...keys, 'constructor', 'valueOf', 'Name', 'NAME ', 'status', '$where']) {
        const reply = await sendTo(route, {
          method: route.method,
          path: pathOf(route),
          body: { [key]: 1 },
        })
        expectProblem(reply, 422)
        if (fieldsOf(route).includes(key)) continue
        expect(JSON.stringify(reply.json.errors)).toMatch(/Unrecognized key/)
      }
      const body = '{"__proto__":{"role":"admin"}}'
      const headers = { 'content-type': 'application/json' }
      expectProblem(
        await sendTo(route, { method: route.method, path: pathOf(route), body, headers }),
        400,
      )
    }
  })

  test("a column that is not in the reply's schema is never sent", async () => {
    const { text, json } = await tenant.send({ path: '/api/odd/leak' })
    const shown = { name: 'shown' }
    expect(json).toEqual({ ...shown, inner: shown, list: [shown, shown], either: shown })
    expect(text).not.toContain('hidden')
  })
})

describe('an internal error reveals nothing (API-1)', () => {
  test.each(['sql', 'text', 'nothing', 'status', 'cause', 'database'])('%s', async (fault) => {
    const reply = await tenant.send({ path: `/api/odd/${fault}`, user })
    expectProblem(reply, 500)
    expect(reply.json.detail).toBe('Something went wrong on our side')
    expect(reply.headers['location']).toBeUndefined()
    // The log has the cause, under the request id that the client received.
    const lines = api.logLines.map((it) => JSON.parse(it))
    const ofRequest = lines.filter((it) => it.request_id === reply.json.instance)
    expect(ofRequest.map((it) => it.level)).toEqual([50, 30])
  })

  test('an audit row that the database refuses is a 500: the client cannot correct it', async () => {
    expectProblem(await tenant.send({ method: 'POST', path: '/api/odd/unaudited', user }), 500)
  })

  test('a reply that does not match its schema is a 500, and its write is rolled back', async () => {
    expectProblem(await tenant.send({ method: 'POST', path: '/api/odd/unfit', user }), 500)
    expect(await projectNames()).not.toContain('unfit')
  })
})
