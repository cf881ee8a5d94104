import { randomUUID } from 'node:crypto'
import { request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Kysely, sql } from 'kysely'
import { expect, onTestFinished, test } from 'vitest'
import type { KernelTables } from '../../src/db/tables.ts'
import { backgroundScope } from '../../src/db/tenancy.ts'
import { startTestApp, type TestApp, type TestTenant } from '../../src/testing.ts'
import { app } from '../fixtures/app/app.ts'
import { asRole, scopeUrls } from '../fixtures/databases.ts'
import { newSeed, seededRandom } from '../fixtures/random.ts'
import { openTestDatabase } from '../fixtures/test_database.ts'
import { startWireProxy } from '../fixtures/wire_proxy.ts'
import { insertSample, type Sample } from './sample_rows.ts'

// Hundreds of requests: two seconds on an idle machine, far more on a busy one.
const long = { timeout: 90_000 }

test(
  'after any failure in a transaction the next one sees its own tenant only (POOL-2)',
  long,
  async () => {
    const seed = newSeed()
    const random = seededRandom(seed)
    const { app: url, identity, platform, jobs } = scopeUrls()
    const proxy = await startWireProxy(url)
    onTestFinished(() => proxy.close())
    const { through } = proxy
    const urls = {
      app: through(url),
      identity: through(identity),
      platform: through(platform),
      jobs,
    }
    const database = openTestDatabase({ max: 2, urls })
    const samples = await asRole('platform', async (client) => [
      await insertSample(client),
      await insertSample(client),
    ])

    type Db = Kysely<KernelTables>
    const endings: Record<number, (db: Db, look: (db: Db) => Promise<void>) => Promise<unknown>> = {
      3: (db) => sql`select 1 / 0`.execute(db),
      4: (db) => sql`select 1 / 0`.execute(db).catch(() => {}),
      5: () => Promise.reject(new Error('before the end')),
      6: async (db, look) => {
        void look(db).catch(() => {})
      },
    }

    /** Runs one transaction that may fail at a random step. Returns the tenants of all rows it saw. */
    async function runAndFail(sample: Sample): Promise<string[]> {
      const failure = Math.floor(random() * 7)
      const seen: string[] = []
      const look = async (db: Kysely<KernelTables>) => {
        const rows = await db.selectFrom('tenantry.roles').select('tenant_id').execute()
        seen.push(...rows.map((it) => it.tenant_id))
      }
      await database
        .inTenant(backgroundScope(sample.tenantId), async (db) => {
          if (failure === 0) throw new Error('before the first query')
          const first = look(db)
          if (failure === 1) throw await first.then(() => new Error('after the first query'))
          if (failure === 2) proxy.cut()
          await Promise.all([first, look(db)])
          await endings[failure]?.(db, look)
        })
        .catch(() => {})
      return seen
    }

    for (let round = 0; round < 75; round++) {
      const chosen = Array.from({ length: 4 }, () => samples[Math.floor(random() * 2)]).filter(
        (it) => it !== undefined,
      )
      const seen = await Promise.all(chosen.map(runAndFail))
      chosen.forEach(({ tenantId }, at) => {
        expect(
          seen[at]?.filter((it) => it !== tenantId),
          `seed ${seed}`,
        ).toEqual([])
      })
    }
    for (const { tenantId } of samples) {
      const rows = await database.inTenant(backgroundScope(tenantId), (db) =>
        db.selectFrom('tenantry.roles').select('tenant_id').execute(),
      )
      expect(rows, `seed ${seed}`).toEqual([{ tenant_id: tenantId }])
    }
  },
)

test(
  'no reply contains data of another tenant when clients hang up at random (POOL-2)',
  long,
  async () => {
    const seed = newSeed()
    const random = seededRandom(seed)
    const api = await startTestApp(app, { DB_POOL_MAX: '2', DB_IDENTITY_POOL_MAX: '2' })
    onTestFinished(() => api.close())
    const sides = await Promise.all([side(api), side(api)])
    let answered = 0

    async function client(): Promise<void> {
      for (let request = 0; request < 50; request++) {
        const mine = sides[Math.floor(random() * 2)]
        const theirs = sides.find((it) => it !== mine)
        if (mine === undefined || theirs === undefined) throw new Error('two sides')
        const reply = await mine.ask(random)
        if (reply === undefined) continue
        answered++
        expect([200, 201, 404, 409, 422], `seed ${seed}: ${reply.text}`).toContain(reply.status)
        expect(reply.text, `seed ${seed}`).not.toContain(theirs.marker)
        expect(reply.text, `seed ${seed}`).not.toContain(theirs.tenant.id)
      }
    }
    await Promise.all(Array.from({ length: 6 }, client))
    expect(answered).toBeGreaterThan(50)
    expect(answered).toBeLessThan(300)
    for (const { marker, tenant, list } of sides) {
      const { items } = (await list()).json
      expect(items.every((it: { name: string }) => it.name.startsWith(marker))).toBe(true)
      const stray = await asRole('platform', (client) =>
        client.query('select from projects where tenant_id <> $1 and name like $2', [
          tenant.id,
          `${marker}%`,
        ]),
      )
      expect(stray.rowCount).toBe(0)
    }
  },
)

/** One tenant with a user, and a marker in every row that belongs to it. */
async function side(api: TestApp) {
  const tenant = await api.makeTenant()
  const user = await tenant.makeUser({ roles: ['admin_tenant'] })
  const marker = randomUUID()
  const create = (name: string) =>
    tenant.send({ method: 'POST', path: '/api/projects', body: { name }, user })
  const { id } = (await create(`${marker} first`)).json
  const list = () => tenant.send({ path: '/api/projects?limit=100', user })

  function ask(random: () => number) {
    const body = { name: `${marker} ${random() < 0.2 ? 'first' : randomUUID()}` }
    const asks = [
      { method: 'GET', path: '/api/projects?limit=100' },
      { method: 'GET', path: `/api/projects/${random() < 0.5 ? id : randomUUID()}` },
      { method: 'POST', path: '/api/projects', body },
      { method: 'PATCH', path: `/api/projects/${id}`, body: { description: marker } },
      { method: 'GET', path: '/api/members' },
    ]
    const chosen = asks[Math.floor(random() * asks.length)] ?? { method: 'GET', path: '/' }
    const deadline = random() < 0.5 ? 60_000 : random() * 12
    return askFor(api, tenant, user.accessToken, chosen, deadline)
  }
  return { tenant, marker, list, ask }
}

/** The reply, or undefined when the client hung up first. */
async function askFor(
  { port }: TestApp,
  { host }: TestTenant,
  token: string,
  { method, path, body }: { method: string; path: string; body?: object },
  deadline: number,
): Promise<{ status: number; text: string } | undefined> {
  const payload = body === undefined ? undefined : JSON.stringify(body)
  const headers = {
    host,
    authorization: `Bearer ${token}`,
    ...(payload === undefined
      ? {}
      : { 'content-type': 'application/json', 'content-length': String(payload.length) }),
  }
  const outgoing = request({ host: '127.0.0.1', port, method, path, headers })
  const reply = new Promise<{ status: number; text: string } | undefined>((resolve) => {
    outgoing.on('error', () => resolve(undefined))
    outgoing.on('response', (incoming) => {
      let text = ''
      incoming.on('data', (chunk) => {
        text += chunk
      })
      incoming.on('error', () => resolve(undefined))
      incoming.on('end', () => resolve({ status: incoming.statusCode ?? 0, text }))
    })
  })
  outgoing.end(payload)
  const given = new AbortController()
  await Promise.race([reply, sleep(deadline, undefined, { signal: given.signal })]).catch(() => {})
  given.abort()
  outgoing.destroy()
  return reply
}
