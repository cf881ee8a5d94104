import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { rawRequest, sendRaw } from '../../../test/hostile/raw_socket.ts'
import { network } from '../../config/parsers.ts'
import { AppError } from '../../lib/errors.ts'
import { originOf } from './forwarded.ts'

// Answers with the origin that it read. The peer is always 127.0.0.1; `?trust=` lists trusted networks.
let server: Server
let port: number
beforeAll(async () => {
  server = createServer({ requireHostHeader: false }, (request, response) => {
    const trusted = /[?&]trust=([\d./,:a-f]+)/.exec(request.url ?? '')?.[1]?.split(',') ?? []
    try {
      response.end(JSON.stringify(originOf(request, request.url ?? '', trusted.map(network))))
    } catch (error) {
      response.writeHead(error instanceof AppError ? error.status : 500).end()
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  port = (server.address() as AddressInfo).port
})
afterAll(() => new Promise((resolve) => server.close(resolve)))

async function originWith(trust: string, ...headers: string[]) {
  const path = trust === '' ? '/' : `/?trust=${trust}`
  const lines = headers.some((it) => /^host:/i.test(it)) ? headers : ['Host: a.test', ...headers]
  const [reply] = await sendRaw(port, rawRequest(`GET ${path} HTTP/1.1`, ...lines))
  return reply?.status === 200 ? JSON.parse(reply.text) : reply?.status
}

describe('forwarded headers of an untrusted peer are ignored (TEN-4)', () => {
  test.each(['', '10.0.0.0/8', '127.0.0.2', '::1', '128.0.0.0/1'])('trusting %j', async (trust) => {
    const origin = await originWith(
      trust,
      'X-Forwarded-Host: b.test',
      'X-Forwarded-Host: c.test',
      'X-Forwarded-For: 203.0.113.9',
      'X-Forwarded-Proto: https',
      'Forwarded: for=203.0.113.9;host=b.test;host=c.test;proto=https',
    )
    expect(origin).toEqual({ host: 'a.test', address: '127.0.0.1', viaProxy: false })
  })
})

describe('the address behind trusted proxies is the nearest untrusted hop (TEN-4)', () => {
  test.each([
    ['no forwarded header', [], '127.0.0.1'],
    ['one hop', ['X-Forwarded-For: 203.0.113.9'], '203.0.113.9'],
    ['a spoofed hop before it', ['X-Forwarded-For: 6.6.6.6, 203.0.113.9'], '203.0.113.9'],
    ['a second proxy', ['X-Forwarded-For: 6.6.6.6, 203.0.113.9, 10.0.0.2'], '203.0.113.9'],
    ['two headers', ['X-Forwarded-For: 6.6.6.6', 'X-Forwarded-For: 203.0.113.9'], '203.0.113.9'],
    ['proxies only', ['X-Forwarded-For: 10.0.0.3, 10.0.0.2'], '10.0.0.3'],
    [
      'a client that claims to be a proxy',
      ['X-Forwarded-For: 127.0.0.1, 203.0.113.9'],
      '203.0.113.9',
    ],
    ['no address', ['X-Forwarded-For: unknown'], '127.0.0.1'],
    ['an empty list', ['X-Forwarded-For: '], '127.0.0.1'],
    ['an invalid hop before a proxy', ['X-Forwarded-For: 203.0.113.9, <x>, 10.0.0.2'], '10.0.0.2'],
    ['a number', ['X-Forwarded-For: 1'], '127.0.0.1'],
    ['an octal address', ['X-Forwarded-For: 010.0.0.9'], '127.0.0.1'],
    ['a port', ['X-Forwarded-For: 203.0.113.9:4711'], '203.0.113.9'],
    ['IPv6', ['X-Forwarded-For: 2001:DB8:0::1'], '2001:db8::1'],
    ['IPv6 with a port', ['X-Forwarded-For: [2001:db8::1]:4711'], '2001:db8::1'],
    ['IPv6 with a zone', ['X-Forwarded-For: fe80::1%eth0'], 'fe80::1'],
    ['IPv4 in IPv6', ['X-Forwarded-For: ::ffff:203.0.113.9'], '203.0.113.9'],
    ['a trusted IPv4 in IPv6', ['X-Forwarded-For: 203.0.113.9, ::ffff:10.0.0.2'], '203.0.113.9'],
    ['Forwarded', ['Forwarded: for=203.0.113.9;proto=https'], '203.0.113.9'],
    ['Forwarded, quoted', ['Forwarded: For="[2001:db8::1]:4711"'], '2001:db8::1'],
    ['Forwarded, two hops', ['Forwarded: for=6.6.6.6, for=203.0.113.9'], '203.0.113.9'],
    ['Forwarded, hidden', ['Forwarded: for=_secret'], '127.0.0.1'],
    ['both', ['Forwarded: for=6.6.6.6', 'X-Forwarded-For: 203.0.113.9'], '203.0.113.9'],
  ])('%s', async (_, headers, address) => {
    const origin = await originWith('127.0.0.0/8,10.0.0.0/8', ...headers)
    expect(origin).toEqual({ host: 'a.test', address, viaProxy: true })
  })
})

describe('the host behind a trusted proxy (TEN-4)', () => {
  test.each([
    ['X-Forwarded-Host', ['X-Forwarded-Host: b.test'], 'b.test'],
    ['Forwarded', ['Forwarded: host=b.test'], 'b.test'],
    ['Forwarded, quoted', ['Forwarded: for=1.2.3.4;host="b.test:8000"'], 'b.test:8000'],
    ['the nearest of two in Forwarded', ['Forwarded: host=c.test, host=b.test'], 'b.test'],
    ['both, agreeing', ['X-Forwarded-Host: b.test', 'Forwarded: host=b.test'], 'b.test'],
    ['none', ['X-Forwarded-Proto: https'], 'a.test'],
    ['two proxies', ['X-Forwarded-Host: b.test, b.test'], 'b.test'],
    [
      'two proxies, in two lines',
      ['X-Forwarded-Host: b.test', 'X-Forwarded-Host: B.test:80'],
      'b.test',
    ],
    ['both, in another case', ['X-Forwarded-Host: b.test', 'Forwarded: host=B.TEST'], 'b.test'],
    [
      'both, one with a port',
      ['X-Forwarded-Host: b.test', 'Forwarded: host="b.test:443"'],
      'b.test',
    ],
    ['both, one with a dot', ['X-Forwarded-Host: b.test.', 'Forwarded: host=b.test'], 'b.test.'],
    ['Forwarded, escaped', ['Forwarded: host="\\b.test"'], 'b.test'],
    ['a comma in quotes', ['Forwarded: by="x, host=c.test";host=b.test'], 'b.test'],
    ['a semicolon in quotes', ['Forwarded: by="x;host=c.test" ; host=b.test'], 'b.test'],
    ['empty elements', ['Forwarded: , host=b.test;, ,'], 'b.test'],
    // Not canonical: the next step rejects it.
    ['an empty one', ['X-Forwarded-Host: '], ''],
  ])('%s', async (_, headers, host) => {
    expect(await originWith('127.0.0.1', ...headers)).toMatchObject({ host })
  })

  test.each([
    ['a list of two hosts', ['X-Forwarded-Host: b.test, c.test']],
    ['two X-Forwarded-Host', ['X-Forwarded-Host: b.test', 'X-Forwarded-Host: c.test']],
    ['one malformed host twice', ['X-Forwarded-Host: b@test, b@test']],
    ['a list with an empty host', ['X-Forwarded-Host: b.test,']],
    ['an open quote', ['Forwarded: for="1.1.1.1, for=2.2.2.2;host=b.test']],
    ['an open quote in an earlier line', ['Forwarded: for="x', 'Forwarded: for="2.2.2.2"']],
    ['text after a quote', ['Forwarded: for="x"y;host=b.test']],
    ['a parameter without a value', ['Forwarded: host']],
    ['spaces around =', ['Forwarded: host = b.test']],
    ['X-Forwarded-Host against Forwarded', ['X-Forwarded-Host: b.test', 'Forwarded: host=c.test']],
    ['one hop naming two hosts', ['Forwarded: host=b.test;host=c.test']],
    ['one hop naming two addresses', ['Forwarded: for=1.1.1.1;for=2.2.2.2']],
    ['two Host headers', ['Host: a.test', 'Host: b.test', 'X-Forwarded-Host: b.test']],
  ])('%s is rejected', async (_, headers) => {
    expect(await originWith('127.0.0.1', ...headers)).toBe(400)
  })
})

describe('the request line and Host (TEN-3)', () => {
  test.each([
    ['GET / HTTP/1.1', ['Host: a.test', 'Host: a.test']],
    ['GET / HTTP/1.1', ['Host: a.test', 'hOsT: b.test']],
    ['GET / HTTP/1.1', ['Host:']],
    ['GET / HTTP/1.1', []],
    ['GET / HTTP/1.0', []],
    ['GET http://b.test/ HTTP/1.1', ['Host: a.test']],
    ['GET http://a.test:81/ HTTP/1.1', ['Host: a.test']],
    ['GET https://a.test/ HTTP/1.1', ['Host: a.test:80']],
    ['GET http://b.test@a.test/ HTTP/1.1', ['Host: a.test']],
    ['GET ftp://a.test/ HTTP/1.1', ['Host: a.test']],
  ])('%s with %j is rejected', async (line, headers) => {
    const [reply] = await sendRaw(port, rawRequest(line, ...headers, 'Connection: close'))
    expect(reply?.status).toBe(400)
  })

  test.each([
    ['GET http://a.test/ HTTP/1.1', 'Host: a.test'],
    ['GET HTTP://A.test?x HTTP/1.1', 'Host: a.TEST'],
    ['GET http://a.test:80/ HTTP/1.1', 'Host: a.test'],
    ['GET https://a.test./ HTTP/1.1', 'Host: a.test:443'],
    ['OPTIONS * HTTP/1.1', 'Host: a.test'],
    ['GET / HTTP/1.0', 'Host: a.test'],
  ])('%s with %j is accepted', async (line, host) => {
    const [reply] = await sendRaw(port, rawRequest(line, host))
    expect(reply?.status).toBe(200)
  })
})
