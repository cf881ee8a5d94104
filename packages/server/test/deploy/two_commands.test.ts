import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { withDatabase } from '../../src/db/connect/dsn.ts'
import { withClient } from '../../src/db/connect/with_client.ts'
import { startEmbedded } from '../../src/db/embedded/embedded.ts'
import { roles } from '../../src/db/provisioning/roles.ts'
import { type Finished, makeWorkplace, type Workplace } from '../fixtures/cli.ts'
import { type DatabaseUrls, onEmptyDatabase, sharedDatabase } from '../fixtures/databases.ts'

// Commands that two administrators may run at the same moment, each a process of its own.
let place: Workplace
beforeAll(() => {
  place = makeWorkplace()
})
afterAll(() => place.remove())

const environmentOf = (urls: DatabaseUrls) => ({
  DB_URL: urls.app,
  DB_IDENTITY_URL: urls.identity,
  DB_PLATFORM_URL: urls.platform,
  DB_OWNER_URL: urls.owner,
})

/**
 * Runs the commands until each of them waits to write to `table`, and then lets them go on. It waits at
 * most 3 s for all of them, because a command gives up its lock after five.
 */
function runTogetherAt(
  urls: DatabaseUrls,
  table: string,
  ...commands: string[]
): Promise<Finished[]> {
  return withClient(urls.admin, async (client) => {
    await client.query(`begin; lock table ${table} in share row exclusive mode`)
    const done = commands.map((it) => place.run(it, environmentOf(urls)))
    const waiting = async () => {
      const text = 'select from pg_locks where relation = $1::regclass and not granted'
      return (await client.query(text, [table])).rowCount ?? 0
    }
    await expect.poll(waiting, { timeout: 60_000 }).toBeGreaterThan(0)
    for (let tries = 0; tries < 60 && (await waiting()) < commands.length; tries++) await sleep(50)
    await client.query('commit')
    return Promise.all(done)
  })
}

const codesOf = (done: Finished[]) => done.map((it) => it.code).sort()

async function count(url: string, from: string, values: unknown[] = []): Promise<number> {
  const text = `select count(*)::int as count from ${from}`
  const { rows } = await withClient(url, (client) => client.query(text, values))
  return rows[0].count
}

describe('two concurrent commands', { timeout: 120_000 }, () => {
  test('tenantry setup: both succeed, and every printed DSN works', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'tenantry-two-setups-'))
    const { adminUrl, stop } = await startEmbedded({ dataDir, ephemeral: true })
    onTestFinished(async () => {
      await stop()
      rmSync(dataDir, { recursive: true, force: true })
    })
    const DB_ADMIN_URL = withDatabase(adminUrl, 'live_db')
    const run = () => place.run('setup --json', { NODE_ENV: 'production', DB_ADMIN_URL })
    const done = await Promise.all([run(), run()])
    expect(codesOf(done)).toEqual([0, 0])
    const printed = done
      .map((it): Record<string, string> => JSON.parse(it.stdout).dsns)
      .sort((a, b) => Object.keys(a).length - Object.keys(b).length)
    // One creates the roles; the other keeps their passwords and prints none.
    expect(printed.map((it) => Object.keys(it).length)).toEqual([0, Object.keys(roles).length])
    for (const url of Object.values(printed[1] ?? {})) {
      await withClient(url, (client) => client.query('select 1'))
    }
  })

  test('tenantry migrate: one migrates, the other finds it done (OPS-3)', async () => {
    await onEmptyDatabase(async (urls) => {
      const run = () => place.run('migrate up', environmentOf(urls))
      const done = await Promise.all([run(), run()])
      expect(done.map((it) => [it.code, it.stderr])).toEqual([
        [0, ''],
        [0, ''],
      ])
      expect(done.map((it) => it.stdout).sort()).not.toEqual(done.map(() => done[0]?.stdout))
      const applied = await count(urls.owner, 'tenantry.kernel_migrations')
      expect(applied).toBe(await count(sharedDatabase().owner, 'tenantry.kernel_migrations'))
    })
  })

  test('tenantry tenant create: one creates the tenant, the other fails because it is taken', async () => {
    const subdomain = `t-${randomUUID().slice(0, 8)}`
    const create = `tenant create --name Acme --subdomain ${subdomain}`
    const done = await runTogetherAt(sharedDatabase(), 'tenantry.tenants', create, create)
    expect(codesOf(done)).toEqual([0, 1])
    const { stderr = '' } = done.find((it) => it.code === 1) ?? {}
    expect(stderr).toMatch(/^tenantry: subdomain .* is taken: choose another\n$/)
    const { platform } = sharedDatabase()
    expect(await count(platform, 'tenantry.tenants where subdomain = $1', [subdomain])).toBe(1)
  })

  test('tenantry tenant create with one new admin for both: two tenants and one user', async () => {
    const [first, second] = [randomUUID().slice(0, 8), randomUUID().slice(0, 8)]
    const email = `${randomUUID()}@example.com`
    const create = (it: string) =>
      `tenant create --name Acme --subdomain t-${it} --admin-email ${email} --json`
    const commands = [create(first), create(second)]
    const done = await runTogetherAt(sharedDatabase(), 'tenantry.users', ...commands)
    expect(done.map((it) => [it.code, it.stderr])).toEqual([
      [0, ''],
      [0, ''],
    ])
    const { platform } = sharedDatabase()
    expect(await count(platform, 'tenantry.users where email_key = $1', [email])).toBe(1)
    const members = 'tenantry.members m join tenantry.users u on u.id = m.user_id'
    expect(await count(platform, `${members} where u.email_key = $1`, [email])).toBe(2)
  })

  test('tenantry seed: the demo data exists once', async () => {
    await onEmptyDatabase(async (urls) => {
      expect((await place.run('migrate up', environmentOf(urls))).code).toBe(0)
      const seed = () => place.run('seed', environmentOf(urls))
      const done = await Promise.all([seed(), seed()])
      expect(done.map((it) => [it.code, it.stderr])).toEqual([
        [0, ''],
        [0, ''],
      ])
      const before = await count(urls.platform, 'tenantry.members')
      expect(before).toBeGreaterThan(0)
      await seed()
      expect(await count(urls.platform, 'tenantry.members')).toBe(before)
    })
  })
})
