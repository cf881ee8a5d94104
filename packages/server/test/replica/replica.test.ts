import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest'
import { createClient, tokens } from '../../../client/src/index.ts'
import { fetchFrom } from '../../../client/test/fetch_from.ts'
import { checkReplica } from '../../src/cli/doctor/replica.ts'
import { withClient } from '../../src/db/connect/with_client.ts'
import { backgroundScope } from '../../src/db/tenancy.ts'
import { startTestApp, type TestApp, type TestTenant, type TestUser } from '../../src/testing.ts'
import { app } from '../fixtures/app/app.ts'
import { type PrimaryAndStandby, startPrimaryAndStandby } from './standby.ts'

// Two servers of one app on a primary and its streaming replica. Replay can be paused: the replica then
// shows the past until it is resumed.

let servers: PrimaryAndStandby
let one: TestApp
let other: TestApp

beforeAll(async () => {
  servers = await startPrimaryAndStandby()
  one = await start()
  other = await start()
})

afterAll(async () => {
  await Promise.all([one?.close(), other?.close()])
  await servers?.stop()
})

beforeEach(async () => {
  await resume()
  await Promise.all([untilUsed(one), untilUsed(other)])
})

// Long: while replay is paused, only the notices of writes keep a server from the replica.
function start(settings: Record<string, string> = {}): Promise<TestApp> {
  const { app: DB_URL, identity, platform } = servers.urls
  return startTestApp(app, {
    DB_URL,
    DB_IDENTITY_URL: identity,
    DB_PLATFORM_URL: platform,
    DB_LISTEN_URL: identity,
    DB_READ_URL: servers.onStandby(DB_URL),
    READ_LAG_MS: '60000',
    METRICS_PORT: '0',
    WORKER: 'off',
    SECRET_KEY: 'a'.repeat(48),
    ...settings,
  })
}

const pause = () => servers.askStandby('select pg_wal_replay_pause()')
const resume = () => servers.askStandby('select pg_wal_replay_resume()')

async function metricOf(of: TestApp, name: string): Promise<number> {
  const text = (await of.running.metrics?.read()) ?? ''
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1])
}

const readsOf = (of: TestApp) => metricOf(of, 'tenantry_replica_reads_total')
const fallbacksOf = (of: TestApp) => metricOf(of, 'tenantry_replica_fallbacks_total')

async function untilUsed(server: TestApp): Promise<void> {
  const lag = () => metricOf(server, 'tenantry_replica_lag_seconds')
  await expect.poll(lag, { interval: 20 }).toBeLessThan(0.5)
}

// As `tenantry generate` would write them for the app of the tests.
interface ProjectPaths {
  '/api/projects': {
    get: { responses: { 200: { content: { 'application/json': { items: { name: string }[] } } } } }
    post: {
      requestBody: { content: { 'application/json': { name: string } } }
      responses: { 201: { content: { 'application/json': { name: string } } } }
    }
  }
}

interface Place {
  tenant: TestTenant
  user: TestUser
}

async function makePlace(): Promise<Place> {
  const tenant = await one.makeTenant()
  return { tenant, user: await tenant.makeUser({ roles: ['admin_tenant'] }) }
}

function ask(server: TestApp, { tenant, user }: Place, path: string, body?: object) {
  const headers = { host: tenant.host, authorization: `Bearer ${user.accessToken}` }
  return server.send(tenant.host, { method: body ? 'POST' : 'GET', path, headers, body })
}

const projectsAt = async (server: TestApp, place: Place) => {
  const { status, json } = await ask(server, place, '/api/projects')
  expect(status).toBe(200)
  return json.items.map(({ name }: { name: string }) => name).sort()
}

/** Waits until the replica answers this tenant's reads. */
async function untilReplicaAnswers(server: TestApp, place: Place): Promise<void> {
  const isRead = async () => {
    const before = await readsOf(server)
    await projectsAt(server, place)
    return (await readsOf(server)) > before
  }
  await expect.poll(isRead, { interval: 20 }).toBe(true)
}

test('reads of the data plane go to the replica, and those of the control plane do not', async () => {
  const place = await makePlace()
  await ask(one, place, '/api/projects', { name: 'first' })
  await untilReplicaAnswers(one, place)
  expect(await projectsAt(one, place)).toEqual(['first'])
  const before = await readsOf(one)
  await ask(one, place, '/api/audit-logs?count=true')
  expect(await readsOf(one)).toBe(before + 2)
  for (const path of ['/api/members', '/api/roles', '/api/sessions']) {
    expect(await ask(one, place, path)).toMatchObject({ status: 200 })
  }
  expect(await readsOf(one)).toBe(before + 2)
})

test('a writer never reads its past on its server, nor on another after a heartbeat', async () => {
  const place = await makePlace()
  await Promise.all([untilReplicaAnswers(one, place), untilReplicaAnswers(other, place)])
  await pause()
  const names: string[] = []
  for (let at = 0; at < 5; at++) {
    names.push(`project ${at}`)
    await ask(one, place, '/api/projects', { name: `project ${at}` })
    expect(await projectsAt(one, place)).toEqual(names)
  }
  // Two heartbeats: the first may have left before the last write.
  await sleep(600)
  expect(await projectsAt(other, place)).toEqual(names)
  // Another tenant, which nobody has written since, is still read from the replica.
  await resume()
  await untilReplicaAnswers(other, place)
  expect(await projectsAt(other, place)).toEqual(names)
})

test('a client that has written reads its write on every server immediately', async () => {
  const place = await makePlace()
  await Promise.all([untilReplicaAnswers(one, place), untilReplicaAnswers(other, place)])
  await pause()
  const { tenant, user } = place
  const stored = {
    access_token: user.accessToken,
    refresh_token: user.refreshToken,
    expires_at: Date.now() + 60_000,
  }
  // A load balancer that sends writes to one server and reads to the other one.
  const toOne = fetchFrom(one.port)
  const toOther = fetchFrom(other.port)
  const client = createClient<ProjectPaths>({
    origin: `http://${tenant.host}`,
    session: tokens({ load: () => stored, save: () => {} }),
    fetch: (request) => (request.method === 'GET' ? toOther(request) : toOne(request)),
  })
  const names: string[] = []
  // Several times: a heartbeat that happened to leave just then would hide a fault.
  for (let at = 0; at < 8; at++) {
    names.push(`project ${at}`)
    await client.POST('/api/projects', { body: { name: `project ${at}` } })
    const { data } = await client.GET('/api/projects')
    expect(data.items.map(({ name }) => name).sort()).toEqual(names)
  }
})

test('the reply of each write says for how long to send it back, and no other reply does', async () => {
  const place = await makePlace()
  const header = async (path: string, body?: object) =>
    (await ask(one, place, path, body)).headers['tenantry-written']
  expect(await header('/api/projects', { name: 'first' })).toBe('60000')
  // Also of one that failed: its outcome may be unknown.
  expect(await header('/api/projects', { name: '' })).toBe('60000')
  expect(await header('/api/projects')).toBeUndefined()
})

test('a tenant that was not written is read from the replica while another one is', async () => {
  const [quiet, busy] = [await makePlace(), await makePlace()]
  await ask(one, quiet, '/api/projects', { name: 'quiet' })
  await untilReplicaAnswers(one, quiet)
  await pause()
  await ask(one, busy, '/api/projects', { name: 'busy' })
  const before = await readsOf(one)
  expect(await projectsAt(one, busy)).toEqual(['busy'])
  expect(await readsOf(one)).toBe(before)
  expect(await projectsAt(one, quiet)).toEqual(['quiet'])
  expect(await readsOf(one)).toBe(before + 1)
})

test('a session that was revoked is refused while the replica still has it', async () => {
  const place = await makePlace()
  await untilReplicaAnswers(one, place)
  await pause()
  const { refreshToken: refresh_token } = place.user
  await ask(one, place, '/api/auth/logout', { refresh_token })
  expect(await ask(one, place, '/api/projects')).toMatchObject({ status: 401 })
})

test('a replica that is too far behind is not read until it has caught up', async () => {
  const server = await start({ READ_LAG_MS: '300' })
  onTestFinished(() => server.close())
  const place = await makePlace()
  await untilReplicaAnswers(server, place)
  const linesAbout = (words: string) => server.logLines.filter((it) => it.includes(words)).length
  // On a busy machine it may have been behind before.
  const left = linesAbout('more than 300 ms behind')
  await pause()
  await expect.poll(() => linesAbout('more than 300 ms behind')).toBeGreaterThan(left)
  const before = await readsOf(server)
  await ask(one, place, '/api/projects', { name: 'written elsewhere' })
  expect(await projectsAt(server, place)).toEqual(['written elsewhere'])
  expect(await readsOf(server)).toBe(before)
  const returned = linesAbout('reads go to the replica')
  await resume()
  await untilReplicaAnswers(server, place)
  await expect.poll(() => linesAbout('reads go to the replica')).toBeGreaterThan(returned)
})

test('a query that the schema of the replica does not know yet is repeated on the primary', async () => {
  const place = await makePlace()
  await untilReplicaAnswers(one, place)
  await pause()
  await withClient(servers.urls.owner, (owner) =>
    owner.query("alter table projects add column colour text not null default 'red'"),
  )
  onTestFinished(async () => {
    await withClient(servers.urls.owner, (owner) =>
      owner.query('alter table projects drop column colour'),
    )
  })
  const before = await fallbacksOf(one)
  const found = await one.database.readReplica(backgroundScope(place.tenant.id), ({ db }) =>
    db
      .selectFrom('projects' as never)
      .select('colour' as never)
      .execute(),
  )
  expect(found).toEqual([])
  expect(await fallbacksOf(one)).toBe(before + 1)
  // It is no reason to leave the replica.
  await untilReplicaAnswers(one, place)
})

test('a DSN that leads to no replica is named once, and the primary answers', async () => {
  const server = await start({ DB_READ_URL: servers.urls.app })
  onTestFinished(() => server.close())
  const place = await makePlace()
  await expect.poll(() => server.logLines.join('')).toContain('a server that is no standby')
  await sleep(300)
  expect(server.logLines.filter((it) => it.includes('no standby'))).toHaveLength(1)
  expect(await projectsAt(server, place)).toEqual([])
  expect(await readsOf(server)).toBe(0)
})

test('doctor says how far the replica is behind, and what is wrong with the DSN', async () => {
  const { app: primary, identity } = servers.urls
  const check = (DB_READ_URL: string) => checkReplica({ DB_READ_URL }, servers)
  expect(await check(servers.onStandby(primary))).toMatchObject([
    { state: 'ok', detail: expect.stringMatching(/^a standby of the primary, \d+ bytes behind$/) },
  ])
  await expect(check(primary)).rejects.toThrow('is no standby')
  await expect(check(servers.onStandby(identity))).rejects.toThrow('name the same role')
  await expect(check(servers.onStandby(primary).replace(/:\d+\//, ':1/'))).rejects.toThrow(
    'DB_READ_URL',
  )
})

test('a replica that hangs in the middle of reads delays them for a moment, and none fails', async () => {
  const server = await start({ READ_LAG_MS: '500', REQUEST_WAIT_MS: '900' })
  onTestFinished(() => server.close())
  const place = await makePlace()
  await untilReplicaAnswers(server, place)
  servers.freezeStandby(true)
  onTestFinished(() => servers.freezeStandby(false))
  const startedAt = performance.now()
  const hanging = await Promise.all(
    Array.from({ length: 8 }, () => ask(server, place, '/api/projects')),
  )
  expect(hanging.map(({ status }) => status)).toEqual(Array(8).fill(200))
  // One after the other would wait 900 ms each.
  expect(performance.now() - startedAt).toBeLessThan(6_000)
  servers.freezeStandby(false)
  await untilReplicaAnswers(server, place)
})

test('a replica that stops is replaced by the primary, without an error', async () => {
  const place = await makePlace()
  await untilReplicaAnswers(one, place)
  let isStopped = false
  const asking = async () => {
    const found: number[] = []
    while (!isStopped) found.push((await ask(one, place, '/api/projects')).status)
    return found
  }
  const statuses = asking()
  await servers.stopStandby()
  await sleep(300)
  isStopped = true
  expect(new Set(await statuses)).toEqual(new Set([200]))
  expect(await metricOf(one, 'tenantry_replica_lag_seconds')).toBeNaN()
})
