import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import {
  send,
  type TestReply,
  type TestRequest,
} from '../../../packages/server/src/testing/http_client.ts'
import { freePort } from '../../../packages/server/test/fixtures/free_port.ts'
import { demo } from '../../../starter/src/demo.ts'
import type { Report } from '../report.ts'
import { type Counts, MEASURED_ROUTE } from './counts.ts'

const MAX_FILES = 21
const MAX_CALLS = 90
const START_MS = 60_000
const WARM_UP = 20
const MEASURED = 30

const bin = join(import.meta.dirname, '../../../packages/server/bin/tenantry.js')
const app = join(import.meta.dirname, 'counted_app.ts')

/** Starts a server and counts the files and calls of one warm request to the starter's API. */
export async function requestCost(): Promise<Report> {
  const folder = await mkdtemp(join(tmpdir(), 'tenantry-request-'))
  // When root starts it, PostgreSQL runs as another user, which must reach its data.
  await chmod(folder, 0o755)
  await writeFile(join(folder, 'package.json'), JSON.stringify({ tenantry: { app } }))
  const port = await freePort()
  const { PATH = '', HOME = '' } = process.env
  const server = fork(bin, ['start'], {
    cwd: folder,
    // The developer's own settings must not change the result, nor may a busy machine lead to a 503.
    env: { PATH, HOME, PORT: String(port), HOST: '127.0.0.1', EVENT_LOOP_DELAY_MAX_MS: '60000' },
    execArgv: [],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  try {
    await ready(server, port)
    return judge(await cheapest(server, port))
  } finally {
    server.kill('SIGTERM')
    if (server.exitCode === null) await once(server, 'exit')
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

async function ready(server: ChildProcess, port: number): Promise<void> {
  const startedAt = performance.now()
  while (performance.now() - startedAt < START_MS) {
    const reply = await send(port, { path: '/health/ready' }).catch(() => undefined)
    if (reply?.status === 200) return
    if (server.exitCode !== null) throw new Error('the server ended before it was ready')
    await setTimeout(20)
  }
  throw new Error('the server did not become ready')
}

/** The heartbeat and other timers run between requests too; the lowest count has the fewest of them. */
async function cheapest(server: ChildProcess, port: number): Promise<Counts> {
  const get = await warmRequest(port)
  const counts: Counts[] = []
  for (let round = 0; round < WARM_UP + MEASURED; round++) {
    await takeCounts(server)
    await get()
    // The server may still be working after the reply has arrived.
    await setTimeout(5)
    counts.push(await takeCounts(server))
  }
  const [lowest] = counts.slice(WARM_UP).sort(byCost)
  if (lowest === undefined) throw new Error('no request was measured')
  return lowest
}

async function warmRequest(port: number): Promise<() => Promise<unknown>> {
  const [tenant] = demo.tenants
  const [member] = tenant?.members ?? []
  const host = `${tenant?.subdomain}.localhost:${port}`
  const body = { email: member?.email, password: member?.password }
  const signIn = { method: 'POST', path: '/api/auth/login', headers: { host }, body }
  const { access_token } = await jsonOf(port, signIn)
  const headers = { host, authorization: `Bearer ${access_token}` }
  const { items } = await jsonOf(port, { path: '/api/projects', headers })
  return () => jsonOf(port, { path: `/api/projects/${items[0].id}`, headers })
}

async function jsonOf(port: number, request: TestRequest): Promise<TestReply['json']> {
  const { status, text, json } = await send(port, request)
  if (status !== 200) throw new Error(`${request.path} answered ${status}: ${text}`)
  return json
}

/** The server's counts since the previous call. */
async function takeCounts(server: ChildProcess): Promise<Counts> {
  const answer = once(server, 'message', { signal: AbortSignal.timeout(5_000) })
  server.send('take')
  const [counts] = await answer
  return counts
}

export function judge({ before, after }: Counts): Report {
  const files = [...new Set([...Object.keys(before), ...Object.keys(after)])]
  const [first, all] = [Object.keys(before).length, files.length]
  const [calls, overall] = [callsIn(before), callsIn(before) + callsIn(after)]
  return {
    line: `${MEASURED_ROUTE}: ${calls} calls in ${first} files before the handler, ${overall} in ${all} overall`,
    faults: [
      ...(first > MAX_FILES ? [`${first} files before the handler; at most ${MAX_FILES}`] : []),
      ...(calls > MAX_CALLS ? [`${calls} calls before the handler; at most ${MAX_CALLS}`] : []),
    ],
    details: files
      .toSorted((a, b) => (before[b] ?? 0) - (before[a] ?? 0))
      .map((it) => `${it}: ${before[it] ?? 0} calls before, ${after[it] ?? 0} after`),
  }
}

// What is held is the calls before the handler; those after it vary with the driver.
function byCost(a: Counts, b: Counts): number {
  return callsIn(a.before) - callsIn(b.before) || callsIn(a.after) - callsIn(b.after)
}

function callsIn(calls: Counts['before']): number {
  return Object.values(calls).reduce((sum, it) => sum + it, 0)
}
