import { afterAll, beforeAll, expect, test } from 'vitest'
import { type DnsServer, startDnsServer } from '../../../test/fixtures/dns_server.ts'
import { addressRecords, txtRecords } from './dns_records.ts'

let dns: DnsServer
beforeAll(async () => {
  dns = await startDnsServer()
})
afterAll(() => dns.close())

const ask = (name: string, timeoutMs = 1_000) =>
  txtRecords(name, { servers: [dns.address], timeoutMs })

test('joins the strings of a record, and returns every record', async () => {
  dns.set('a.example', { txt: [['tenantry=', 'abc'], ['v=spf1 -all']] })
  const answer = await ask('a.example')
  expect(answer).toMatchObject({ kind: 'records' })
  expect((answer as { values: string[] }).values.sort()).toEqual(['tenantry=abc', 'v=spf1 -all'])
})

test('tells a name without records from a server that says nothing about it', async () => {
  dns.set('empty.example', { a: ['192.0.2.1'] })
  for (const name of ['gone.example', 'empty.example']) {
    expect(await ask(name), name).toEqual({ kind: 'none' })
  }
  const unknown = { kind: 'unknown', reason: 'unreachable' }
  for (const how of ['servfail', 'refused', 'silent'] as const) {
    dns.set(`${how}.example`, how)
    expect(await ask(`${how}.example`, 300), how).toEqual(unknown)
  }
  const nobody = { servers: ['127.0.0.1:9'], timeoutMs: 300 }
  expect(await txtRecords('a.example', nobody)).toEqual(unknown)
})

test('gives up after its time, however many servers there are', async () => {
  dns.set('slow.example', 'silent')
  const servers = [dns.address, dns.address.replace('127.0.0.1', '127.0.0.2'), '127.0.0.3:9']
  const before = performance.now()
  await txtRecords('slow.example', { servers, timeoutMs: 2_000 })
  // One server after the other would take 6 s.
  expect(performance.now() - before).toBeLessThan(5_000)
})

test('counts a thousand records, and records of 64 kB, as no answer', async () => {
  const many = Array.from({ length: 1_000 }, (_, at) => [`tenantry=${at}`])
  const long = [Array.from({ length: 240 }, () => 'x'.repeat(255))]
  for (const [name, txt] of [['many.example', many] as const, ['long.example', long] as const]) {
    dns.set(name, { txt })
    expect(await ask(name), name).toEqual({ kind: 'unknown', reason: 'too_large' })
  }
})

test('follows no loop of aliases', async () => {
  dns.set('loop.example', { cname: 'pool.example' })
  dns.set('pool.example', { cname: 'loop.example' })
  expect((await ask('loop.example')).kind).not.toBe('records')
  const addresses = await addressRecords('loop.example', {
    servers: [dns.address],
    timeoutMs: 1_000,
  })
  expect(addresses.kind).not.toBe('records')
})

test('reads addresses', async () => {
  dns.set('web.example', { a: ['192.0.2.7'] })
  const settings = { servers: [dns.address], timeoutMs: 1_000 }
  expect(await addressRecords('web.example', settings)).toEqual({
    kind: 'records',
    values: ['192.0.2.7'],
  })
  expect(await addressRecords('gone.example', settings)).toEqual({ kind: 'none' })
})
