import { randomUUID } from 'node:crypto'
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { appWith, makeWorkplace } from '../../../test/fixtures/cli.ts'
import {
  appMigrations,
  type DatabaseUrls,
  onMigratedDatabase,
} from '../../../test/fixtures/databases.ts'
import { historiesWith } from '../../../test/fixtures/histories_with.ts'
import { send } from '../../testing/http_client.ts'
import { withClient } from '../connect/with_client.ts'
import { invalidIndexes } from './concurrent_indexes.ts'
import { type History, migrateUp } from './migrate.ts'

const run = (url: string, sql: string) => withClient(url, (client) => client.query(sql))

/** The owner's DSN with a shorter lock_timeout. */
function withShortLockTimeout({ owner }: DatabaseUrls): string {
  const url = new URL(owner)
  url.searchParams.set('options', '-c lock_timeout=200ms')
  return url.href
}

/** Runs `work` while another transaction, which stays open, has read projects. */
function whileInUse(
  { app }: DatabaseUrls,
  work: (finish: () => Promise<unknown>) => Promise<unknown>,
): Promise<unknown> {
  return withClient(app, async (client) => {
    await client.query('begin')
    await client.query('select id from projects')
    const done = await work(() => client.query('commit'))
    await client.query('commit')
    return done
  })
}

const MORE = { '0002_more.up.sql': 'alter table projects add more int;' }

describe('a table that is in use', () => {
  test('a migration tries to lock it several times and then gives up, without harm to queries (OPS-3)', async () => {
    await onMigratedDatabase(async (urls) => {
      expect((await run(urls.owner, 'show lock_timeout')).rows).toEqual([{ lock_timeout: '3s' }])
      const all = await historiesWith(MORE)
      await whileInUse(urls, async () => {
        const migrating = migrateUp(withShortLockTimeout(urls), all, { tries: 3, pauseMs: 50 })
        const givenUp = expect(migrating).rejects.toThrow(
          'migration 0002_more.up.sql of the app failed: canceling statement due to lock timeout; ' +
            'it was rolled back: a table that it changes is in use: migrate again when there is less ' +
            'load (tried 3 times)',
        )
        // Other queries wait behind the migration only while it waits for the lock.
        for (let times = 0; times < 5; times++) {
          expect((await run(urls.app, 'select id from projects')).rowCount).toBe(0)
        }
        await givenUp
      })
      expect(await migrateUp(urls.owner, all)).toEqual(['app 0002_more'])
    })
  })

  test('is changed as soon as it is free, and earlier migrations are not repeated (OPS-3)', async () => {
    await onMigratedDatabase(async (urls) => {
      const all = await historiesWith({
        '0002_before.up.sql': 'create table before (id int);',
        '0003_more.up.sql': MORE['0002_more.up.sql'],
      })
      await whileInUse(urls, async (finish) => {
        const migrating = migrateUp(withShortLockTimeout(urls), all, { tries: 20, pauseMs: 1 })
        const made = "select to_regclass('before') is not null as made"
        await expect.poll(async () => (await run(urls.owner, made)).rows[0].made).toBe(true)
        await finish()
        expect(await migrating).toEqual(['app 0002_before', 'app 0003_more'])
      })
    })
  })
})

const INDEX =
  'create unique index concurrently if not exists by_text on projects (tenant_id, description);'

describe('an index that is created concurrently', () => {
  test('is created outside a transaction', async () => {
    await onMigratedDatabase(async (urls) => {
      const all = await historiesWith({ '0002_index.up.sql': `-- Concurrently.\n${INDEX}` })
      expect(await migrateUp(urls.owner, all)).toEqual(['app 0002_index'])
      const { rows } = await run(urls.owner, "select 'by_text'::regclass")
      expect(rows).toHaveLength(1)
    })
  })

  test('is created again if an earlier try left it invalid (OPS-3)', async () => {
    await onMigratedDatabase(async (urls) => {
      const all = await historiesWith({ '0002_index.up.sql': INDEX })
      await leaveInvalid(urls, all)
      const left = await withClient(urls.app, invalidIndexes)
      expect(left.map(({ path }) => path)).toEqual(['"public"."by_text"'])

      await run(urls.admin, 'delete from projects')
      expect(await migrateUp(urls.owner, all)).toEqual(['app 0002_index'])
      expect(await withClient(urls.app, invalidIndexes)).toEqual([])
    })
  })

  test('is rejected next to other statements, or if the migration could not be repeated', async () => {
    await onMigratedDatabase(async ({ owner }) => {
      const rejection = /^0002_index\.up\.sql: CONCURRENTLY runs outside a transaction: move it to/
      for (const sql of [`${INDEX} select 1;`, INDEX.replace('if not exists', '')]) {
        const all = await historiesWith({ '0002_index.up.sql': sql })
        await expect(migrateUp(owner, all)).rejects.toThrow(rejection)
      }
    })
  })

  test('that is invalid is reported by doctor', { timeout: 60_000 }, async () => {
    await onMigratedDatabase(async (urls) => {
      await leaveInvalid(urls, await historiesWith({ '0002_index.up.sql': INDEX }))
      const place = makeWorkplace()
      const { app: DB_URL, identity: DB_IDENTITY_URL } = urls
      const { code, stdout } = await place.run('doctor', { DB_URL, DB_IDENTITY_URL })
      await place.remove()
      expect(stdout).toMatch(
        /WARN +indexes +"public"\."by_text" of projects is invalid: .*migrate up/,
      )
      expect(code).toBe(0)
    })
  })
})

test('a killed runner leaves nothing, and does not block the next one (OPS-3)', {
  timeout: 90_000,
}, async () => {
  await onMigratedDatabase(async ({ owner }) => {
    const place = makeWorkplace('./app.ts')
    onTestFinished(() => place.remove())
    await cp(appMigrations, join(place.folder, 'migrations'), { recursive: true })
    place.write('app.ts', appWith("migrations: new URL('./migrations', import.meta.url)"))
    const slow = 'create table half (id int); select pg_sleep(600);'
    place.write('migrations/0002_slow.up.sql', slow)
    const killed = place.launch('migrate up', { DB_OWNER_URL: owner })
    const sleeping = `select from pg_stat_activity
      where datname = current_database() and wait_event = 'PgSleep'`
    await expect
      .poll(async () => (await run(owner, sleeping)).rowCount, { timeout: 30_000 })
      .toBe(1)
    killed.process.kill('SIGKILL')
    place.write('migrations/0002_slow.up.sql', 'create table whole (id int);')
    const { code, stdout } = await place.run('migrate up', { DB_OWNER_URL: owner })
    expect([code, stdout]).toEqual([0, 'app 0002_slow\n'])
    const { rows } = await run(
      owner,
      "select to_regclass('half') as half, to_regclass('whole') as whole",
    )
    expect(rows).toEqual([{ half: null, whole: 'whole' }])
  })
})

/** Changes that the next version may make while this version serves. */
const EXPANDS = `
  alter table projects add colour text not null default 'none';
  alter table projects add constraint colour_known check (colour in ('none', 'red')) not valid;
  alter table projects validate constraint colour_known;
  create table more (tenant_id uuid not null, id uuid not null, primary key (tenant_id, id));
  select tenantry.make_tenant_table('more');`

test('a server of the previous version serves during and after the migration (OPS-2)', {
  timeout: 90_000,
}, async () => {
  await onMigratedDatabase(async ({ app, identity, owner, platform }) => {
    const place = makeWorkplace()
    onTestFinished(() => place.remove())
    const server = place.launch('start', {
      DB_URL: app,
      DB_IDENTITY_URL: identity,
      DB_PLATFORM_URL: platform,
    })
    const [, port = ''] = await server.says(/ready at http:\/\/127\.0\.0\.1:(\d+)/)
    const client = await signedIn(Number(port))
    const all = await historiesWith({
      '0002_expands.up.sql': EXPANDS,
      '0003_index.up.sql': INDEX.replace('unique ', ''),
    })
    // By now each statement is prepared on every connection that will be used.
    for (let times = 0; times < 5; times++) expect(await client.statuses()).toEqual(client.fine)
    let migrated = false
    const migrating = migrateUp(owner, all).finally(() => (migrated = true))
    do expect(await client.statuses()).toEqual(client.fine)
    while (!migrated)
    expect(await migrating).toEqual(['app 0002_expands', 'app 0003_index'])
    for (let times = 0; times < 5; times++) expect(await client.statuses()).toEqual(client.fine)
  })
})

async function signedIn(port: number) {
  const call = (method: string, path: string, more = {}, body?: object) =>
    send(port, { method, path, headers: { host: 'client1.localhost', ...more }, body })
  const credentials = { email: 'admin@client1.com', password: 'admin123' }
  const { json } = await call('POST', '/api/auth/login', {}, credentials)
  const authorization = `Bearer ${json.access_token}`
  return {
    fine: [201, 200, 200, 200],
    async statuses() {
      const made = await call('POST', '/api/projects', { authorization }, { name: randomUUID() })
      const read = await call('GET', `/api/projects/${made.json.id}`, { authorization })
      const listed = await call('GET', '/api/projects', { authorization })
      const ready = await call('GET', '/health/ready')
      return [made, read, listed, ready].map(({ status }) => status)
    },
  }
}

/** Adds two rows that violate the unique index, so that creating it concurrently fails at its end. */
async function leaveInvalid(urls: DatabaseUrls, all: History[]): Promise<void> {
  await withClient(urls.admin, async (admin) => {
    await admin.query(
      "insert into tenantry.tenants (id, name, subdomain, code) values (gen_random_uuid(), 'A', 'a', 'A')",
    )
    await admin.query(`insert into projects (tenant_id, id, name, description)
      select id, gen_random_uuid(), n::text, 'twice' from tenantry.tenants, generate_series(1, 2) n`)
  })
  await expect(migrateUp(urls.owner, all)).rejects.toThrow(
    /0002_index\.up\.sql of the app failed: could not create unique index .*; the next run removes what it has left/,
  )
}
