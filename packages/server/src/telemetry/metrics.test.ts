import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { app } from '../../test/fixtures/app/app.ts'
import { backgroundScope } from '../db/tenancy.ts'
import { startTestApp, type TestApp } from '../testing.ts'
import { createMetrics } from './metrics.ts'

let api: TestApp
beforeAll(async () => {
  api = await startTestApp(app, { METRICS_PORT: '0', METRICS_TENANTS: '2' })
})
afterAll(() => api.close())

const read = () => api.running.metrics?.read() ?? ''

/** The value of one series, or 0. The labels must be in the order of the output. */
async function numberOf(series: string): Promise<number> {
  const line = (await read()).split('\n').find((it) => it.startsWith(`${series} `))
  return Number(line?.slice(series.length + 1) ?? 0)
}

/** Asserts how much `work` adds to each of the series. */
async function addedBy(work: () => Promise<unknown>, series: Record<string, number>) {
  const before = await Promise.all(Object.keys(series).map(numberOf))
  await work()
  const added = async () => {
    const after = await Promise.all(Object.keys(series).map(numberOf))
    return Object.fromEntries(
      Object.keys(series).map((it, index) => [it, (after[index] ?? 0) - (before[index] ?? 0)]),
    )
  }
  // The client may read a reply before the server has recorded it.
  await expect.poll(added, { timeout: 10_000 }).toEqual(series)
}

const durations = (method: string, route: string, outcome: string, part = 'count') =>
  `tenantry_http_request_duration_seconds_${part}{method="${method}",route="${route}",outcome="${outcome}"}`

describe('the metrics', () => {
  test('count requests by route, method and status class', async () => {
    const tenant = await api.makeTenant()
    const user = await tenant.makeUser({ roles: ['operator'] })
    const path = `/api/projects/${randomUUID()}`
    const traffic = async () => {
      for (let time = 0; time < 3; time++) await tenant.send({ path: '/api/auth/me', user })
      await tenant.send({ path: '/api/auth/me?access_token=invalid' })
      await tenant.send({ path, user })
      await tenant.send({ method: 'DELETE', path, user })
      await tenant.send({ path: '/api/nothing/here', user })
    }
    await addedBy(traffic, {
      [durations('GET', '/api/auth/me', '2xx')]: 3,
      [durations('GET', '/api/auth/me', '4xx')]: 1,
      [durations('GET', '/api/projects/:project_id', '4xx')]: 1,
      [durations('DELETE', '/api/projects/:project_id', '4xx')]: 1,
      [durations('GET', '(none)', '4xx')]: 1,
      'tenantry_problems_total{code="credentials.invalid"}': 1,
      'tenantry_problems_total{code="access.denied"}': 1,
      'tenantry_problems_total{code="resource.not_found"}': 2,
    })
  })

  test('put durations into cumulative buckets', async () => {
    const tenant = await api.makeTenant()
    await tenant.send({ path: '/' })
    const text = await read()
    const bucket =
      /request_duration_seconds_bucket\{method="GET",route="\/",outcome="2xx",le="([^"]+)"\} (\d+)/g
    const buckets = [...text.matchAll(bucket)].map(([, le, count]) => [le, Number(count)] as const)
    const counts = buckets.map(([, count]) => count)
    expect(buckets.length).toBeGreaterThan(10)
    expect(counts).toEqual(counts.toSorted((a, b) => a - b))
    expect(buckets.at(-1)).toEqual(['+Inf', await numberOf(durations('GET', '/', '2xx'))])
    expect(await numberOf(durations('GET', '/', '2xx', 'sum'))).toBeGreaterThan(0)
  })

  test('count sign-ins, their rejections and the audit rows', async () => {
    const tenant = await api.makeTenant()
    const { email, password } = await tenant.makeUser()
    const login = (body: object) => tenant.send({ method: 'POST', path: '/api/auth/login', body })
    const traffic = async () => {
      await login({ email, password })
      await login({ email, password: 'a wrong one' })
      await login({ email, password: 'another wrong one' })
      await api.running.settle()
    }
    await addedBy(traffic, {
      [durations('POST', '/api/auth/login', '2xx')]: 1,
      [durations('POST', '/api/auth/login', '4xx')]: 2,
      'tenantry_problems_total{code="credentials.wrong"}': 2,
      'tenantry_rejections_total{outcome="counted"}': 1,
      // The first rejection, and the row that counts the later ones.
      'tenantry_rejections_total{outcome="written"}': 2,
    })
  })

  test('report pools, caches, the invalidation listener and queues', async () => {
    const tenant = await api.makeTenant()
    const user = await tenant.makeUser({ roles: ['operator'] })
    await tenant.send({ path: '/api/auth/me', user })
    const hits = 'tenantry_cache_hits_total{cache="sessions"}'
    await addedBy(() => tenant.send({ path: '/api/auth/me', user }), { [hits]: 1 })
    expect(await numberOf('tenantry_db_connections_max{role="app"}')).toBe(5)
    expect(await numberOf('tenantry_db_connections{role="app",state="idle"}')).toBeGreaterThan(0)
    expect(await numberOf('tenantry_cache_entries{cache="tokens"}')).toBeGreaterThan(0)
    expect(await numberOf('tenantry_invalidation_live')).toBe(1)
    expect(await numberOf('tenantry_invalidation_age_seconds')).toBeLessThan(5)
    const always = [
      'invalidation_failures_total',
      'queue_running',
      'queue_waiting',
      'queue_rejected_total',
    ]
    const more = ['hashing_running', 'hashing_waiting', 'background_pending', 'info']
    const text = await read()
    for (const name of [...always, ...more])
      expect(text).toMatch(new RegExp(`^tenantry_${name}`, 'm'))
    expect(text).toMatch(/^nodejs_eventloop_lag_p99_seconds \d/m)
    expect(text).toMatch(/^process_resident_memory_bytes \d/m)
  })

  test('show connections in use and callers that wait for one', async () => {
    let release = () => {}
    const released = new Promise<void>((resolve) => {
      release = resolve
    })
    const holding = Array.from({ length: 6 }, () =>
      api.database.inTenant(backgroundScope(randomUUID()), async (db) => {
        await sql`select 1`.execute(db)
        await released
      }),
    )
    const stats = async () => [
      await numberOf('tenantry_db_waiting{role="app"}'),
      await numberOf('tenantry_db_connections{role="app",state="in_use"}'),
    ]
    await expect.poll(stats, { timeout: 10_000 }).toEqual([1, 5])
    release()
    await Promise.all(holding)
    await expect.poll(stats, { timeout: 10_000 }).toEqual([0, 0])
  })

  test('name the configured number of tenants, and count the rest together (OPS-8)', async () => {
    const tenants = await Promise.all(Array.from({ length: 6 }, () => api.makeTenant()))
    for (const tenant of tenants) await tenant.send({ path: '/' })
    const text = await read()
    const named = [
      ...text.matchAll(/^tenantry_tenant_requests_total\{tenant_id="([^"]+)",outcome="2xx"\}/gm),
    ]
    const ids = named.map(([, id]) => id)
    expect(ids).toHaveLength(3)
    expect(ids).toContain('other')
    expect(
      await numberOf('tenantry_tenant_requests_total{tenant_id="other",outcome="2xx"}'),
    ).toBeGreaterThanOrEqual(4)
    for (const { subdomain } of tenants) expect(text).not.toContain(subdomain)
  })

  test('are the ones that docs/telemetry.md lists', async () => {
    const guide = await readFile(new URL('../../../../docs/telemetry.md', import.meta.url), 'utf8')
    const [table = ''] = guide.split('### Alerts')
    // This server has no replica.
    const rows = table.split('\n').filter((it) => !it.includes('only with DB_READ_URL'))
    const listed = rows.join('\n').match(/(?<=`)tenantry_\w+(?=`)/g) ?? []
    const served = (await read()).match(/(?<=^# TYPE )tenantry_\w+/gm) ?? []
    expect([...new Set(listed)].sort()).toEqual([...served].sort())
  })

  test('are not collected unless they are configured', async () => {
    const quiet = await startTestApp(app)
    expect(quiet.running.metrics).toBeUndefined()
    await quiet.close()
  })
})

test('the number of series is bounded for any input (OPS-8)', async () => {
  const metrics = createMetrics({ tenants: 0, metrics: [] })
  const record = (method: string, code: string, tenantId: string) =>
    metrics.record({
      raw: new IncomingMessage(new Socket()),
      startedAt: 0,
      method,
      served: undefined,
      status: 404,
      ms: 1,
      code,
      info: { id: '', address: '', userAgent: '' },
      tenantId,
      userId: undefined,
    })
  for (let i = 0; i < 2_000; i++) record(`M-${i}`, `code.${i}`, `tenant ${i}`)
  const text = await metrics.read()
  const series = text.match(/^tenantry_\w+/gm) ?? []
  expect(series.length).toBeLessThan(400)
  expect(text).toContain('tenantry_problems_total{code="other"} 1700')
  expect(text).toMatch(/_count\{method="other",route="\(none\)",outcome="4xx"\} 2000/)
  expect(text).not.toContain('tenantry_tenant_requests_total')
})
