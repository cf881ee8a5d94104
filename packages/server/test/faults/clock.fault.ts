import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { send } from '../../src/testing/http_client.ts'
import { expectHarmless, underLoad } from './fault.ts'
import { type Node, openStage, type SignedIn, type Stage } from './stage.ts'

// apt-get install libfaketime; or apt-get download and dpkg -x, and LIBFAKETIME names the file.
const library = [
  process.env['LIBFAKETIME'] ?? '',
  '/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1',
  '/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1',
].find((it) => existsSync(it))
if (library === undefined) {
  process.stdout.write(
    'fault: clock skew: skipped, because there is no libfaketime (LIBFAKETIME)\n',
  )
}

let stage: Stage
let right: Node
beforeAll(async () => {
  if (library === undefined) return
  stage = await openStage()
  right = await stage.startNode()
}, 180_000)
afterAll(async () => {
  if (library !== undefined) await stage.close()
}, 60_000)

// Timeouts use the monotonic clock, which cannot be set.
const faked = { LD_PRELOAD: library ?? '', DONT_FAKE_MONOTONIC: '1' }

async function end({ command }: Node): Promise<void> {
  command.process.kill('SIGTERM')
  await command.finished
}

async function refresh({ port }: Node, { host, refreshToken: refresh_token }: SignedIn) {
  const request = { method: 'POST', path: '/api/auth/refresh', headers: { host } }
  const { status, json } = await send(port, { ...request, body: { refresh_token } })
  return { status, host, token: json.access_token, refreshToken: json.refresh_token }
}

describe.skipIf(library === undefined).each(['+10m', '-10m'])(
  'a server whose clock is off by %s',
  (offset) => {
    let wrong: Node
    let signedIn: SignedIn
    beforeAll(async () => {
      wrong = await stage.startNode({ ...faked, FAKETIME: offset })
      signedIn = await stage.signIn(wrong)
    }, 60_000)
    afterAll(() => end(wrong))

    test('serves users who signed in there', async () => {
      const name = `clock of the server off by ${offset}`
      const target = { port: () => wrong.port, ...signedIn }
      const outcome = await underLoad(name, stage.cluster, target, async () => {})
      expectHarmless(outcome)
      expect(outcome.load.failures()).toEqual([])
    })

    test('refreshes sessions of a server whose clock is right, and the other way round', async () => {
      const there = await refresh(wrong, signedIn)
      const elsewhere = await refresh(right, there)
      const back = await refresh(wrong, elsewhere)
      expect([there.status, elsewhere.status, back.status]).toEqual([200, 200, 200])
    })
  },
)

test.skipIf(library === undefined)('a clock that is set under load fails no request', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tenantry-clock-'))
  const file = join(folder, 'offset')
  const set = (offset: string) => writeFile(file, offset)
  await set('+0')
  const FAKETIME_TIMESTAMP_FILE = file
  const node = await stage.startNode({ ...faked, FAKETIME_TIMESTAMP_FILE, FAKETIME_NO_CACHE: '1' })
  const target = { port: () => node.port, ...(await stage.signIn(node)) }
  const name = 'clock of the server set by +10 min, -10 min and back'
  const outcome = await underLoad(name, stage.cluster, target, async () => {
    for (const offset of ['+10m', '-10m', '+0']) {
      await set(offset)
      await sleep(1_000)
    }
  })
  await end(node)
  await rm(folder, { recursive: true })
  expectHarmless(outcome)
  expect(outcome.load.failures()).toEqual([])
})
