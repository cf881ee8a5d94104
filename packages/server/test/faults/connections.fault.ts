import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { send } from '../../src/testing/http_client.ts'
import { checkout } from '../fixtures/cli.ts'
import { holdIdle } from '../fixtures/idle_connections.ts'
import { expectHarmless, underLoad } from './fault.ts'
import { openStage, type Stage } from './stage.ts'

const OPEN_FILES = 256
const HELD_MS = 30_000

let stage: Stage
beforeAll(async () => {
  // From the built kernel Node's loader would open more modules at a time than this.
  stage = await openStage(checkout)
}, 120_000)
afterAll(() => stage.close(), 60_000)

// Only Linux has all of 127.0.0.0/8 without a set-up.
describe.skipIf(process.platform !== 'linux')('with 256 file descriptors (DOS-1)', () => {
  test('1,500 idle connections of three addresses, held for 30 s, fail no request', async () => {
    const outcome = await flood('1,500 idle connections from 3 addresses, held for 30 s', [
      '127.0.0.2',
      '127.0.0.3',
      '127.0.0.4',
    ])
    expectHarmless(outcome)
    expect(outcome.load.failures()).toEqual([])
  })

  test('4,000 idle connections of eight addresses, held for 30 s, end no server', async () => {
    const outcome = await flood(
      '4,000 idle connections from 8 addresses, held for 30 s',
      [2, 3, 4, 5, 6, 7, 8, 9].map((it) => `127.0.0.${it}`),
    )
    // New connections of other clients are closed while all are in use; the open ones are served.
    expectHarmless(outcome, ['refused', 'cut'])
  })
})

/** Holds 500 idle connections from each address to one server, under load, and releases them. */
async function flood(name: string, addresses: readonly string[]) {
  const node = await stage.startNode({ METRICS_PORT: '0', REQUEST_WAIT_MS: '10000' }, OPEN_FILES)
  const [, port] = await node.command.says(/"port":(\d+).*metrics are served/)
  const metricsPort = Number(port)
  const target = { port: () => node.port, ...(await stage.signIn(node)) }
  try {
    return await underLoad(name, stage.cluster, target, async () => {
      const idle = await holdIdle(node.port, addresses, 500)
      try {
        await sleep(HELD_MS)
        const open = await metric(metricsPort, 'tenantry_http_connections')
        expect(open).toBeGreaterThan(0)
        expect(open).toBeLessThan(OPEN_FILES)
      } finally {
        idle.close()
      }
    })
  } finally {
    expect(node.command.process.exitCode).toBeNull()
    const rejected = 'tenantry_http_connections_rejected_total{per="address"}'
    expect(await metric(metricsPort, rejected)).toBeGreaterThan(0)
    node.command.process.kill('SIGTERM')
    await node.command.finished
  }
}

async function metric(port: number, name: string): Promise<number> {
  const { text } = await send(port, { path: '/metrics' })
  const line = text.split('\n').find((it) => it.startsWith(`${name} `))
  return Number(line?.slice(name.length + 1))
}
