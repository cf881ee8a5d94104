import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { insertSample } from '../../../test/database/sample_rows.ts'
import { schemaOf } from '../../../test/database/schema_dump.ts'
import {
  appMigrations,
  onEmptyDatabase,
  onMigratedDatabase,
} from '../../../test/fixtures/databases.ts'
import { historiesWith } from '../../../test/fixtures/histories_with.ts'
import { withClient } from '../connect/with_client.ts'
import { histories, migrateDown, migrateUp, migrationFault, migrationStatus } from './migrate.ts'

const KERNEL = [
  ...['0001_tenancy', '0002_control_plane', '0003_sessions', '0004_audit', '0005_jobs'],
  ...['0006_invitations', '0007_erasure', '0008_sign_ups', '0009_held_names'],
]

const run = (url: string, sql: string) => withClient(url, (client) => client.query(sql))

test('up, down to the start and up again leaves the same schema', async () => {
  await onEmptyDatabase(async ({ owner }) => {
    const all = await historiesWith({})
    const [kernel, app] = all
    const names = [...KERNEL.map((it) => `kernel ${it}`), 'app 0001_projects']
    expect(await migrateUp(owner, all)).toEqual(names)
    const first = await schemaOf(owner)
    expect(first.join('\n')).toContain('app_own_tenant')

    expect(await migrateDown(owner, app)).toEqual(['app 0001_projects'])
    for (const name of KERNEL.toReversed()) {
      expect(await migrateDown(owner, kernel)).toEqual([`kernel ${name}`])
    }
    const left = (await schemaOf(owner)).filter((it) => !/_migrations|^schema /.test(it))
    expect(left).toEqual([])

    expect(await migrateUp(owner, all)).toEqual(names)
    expect(await schemaOf(owner)).toEqual(first)
  })
})

test('reverting one migration and applying it again leaves the same schema', async () => {
  await onMigratedDatabase(async ({ owner }) => {
    const [kernel] = await historiesWith({})
    const before = await schemaOf(owner)
    await migrateDown(owner, kernel)
    expect(await schemaOf(owner)).not.toEqual(before)
    await migrateUp(owner, histories(appMigrations))
    expect(await schemaOf(owner)).toEqual(before)
  })
})

test('of two concurrent runs one migrates, and the other finds nothing to do (OPS-3)', async () => {
  await onEmptyDatabase(async ({ owner }) => {
    const all = await historiesWith({})
    const done = await Promise.all([migrateUp(owner, all), migrateUp(owner, all)])
    expect(done.map((it) => it.length).sort()).toEqual([0, KERNEL.length + 1])
  })
})

test('a failed migration is rolled back, and the ones before it stay applied', async () => {
  await onMigratedDatabase(async ({ owner }) => {
    const all = await historiesWith({
      '0002_fine.up.sql': 'create table fine (id int);',
      '0003_broken.up.sql': 'create table half (id int); select 1 / 0;',
      '0004_after.up.sql': 'create table after (id int);',
    })
    const [, app] = all
    await expect(migrateUp(owner, all)).rejects.toThrow(
      'migration 0003_broken.up.sql of the app failed: division by zero; it was rolled back: ' +
        `correct it in ${app.folder} and migrate again`,
    )
    const schema = (await schemaOf(owner)).join('\n')
    expect(schema).toContain('relation r fine ')
    expect(schema).not.toMatch(/relation r (half|after) /)
    const statuses = await migrationStatus(owner, all)
    expect(statuses[1]).toMatchObject({
      applied: ['0001_projects', '0002_fine'],
      pending: ['0003_broken', '0004_after'],
    })
    await writeFile(join(app.folder, '0003_broken.up.sql'), 'create table whole (id int);')
    expect(await migrateUp(owner, all)).toEqual(['app 0003_broken', 'app 0004_after'])
  })
})

test('the migration of a killed runner is rolled back, and the next run continues', async () => {
  await onMigratedDatabase(async ({ owner }) => {
    const slow = 'create table half (id int); select pg_sleep(30);'
    const all = await historiesWith({ '0002_slow.up.sql': slow })
    const migrating = migrateUp(owner, all)
    const killed = expect(migrating).rejects.toThrow(/^the connection was lost while migrating/)
    await expect
      .poll(async () => {
        const { rowCount } = await run(
          owner,
          `select pg_terminate_backend(pid) from pg_stat_activity
           where datname = current_database() and wait_event = 'PgSleep'`,
        )
        return rowCount
      })
      .toBe(1)
    await killed
    expect((await schemaOf(owner)).join('\n')).not.toContain('half')
    await writeFile(join(all[1].folder, '0002_slow.up.sql'), 'create table whole (id int);')
    expect(await migrateUp(owner, all)).toEqual(['app 0002_slow'])
  })
})

test('a data migration is rejected under FORCE, and works if FORCE is lifted (RLS-1)', async () => {
  await onMigratedDatabase(async ({ owner, platform }) => {
    await withClient(platform, insertSample)
    const update = "update projects set name = 'b';"
    const all = await historiesWith({ '0002_fill.up.sql': update, '0003_x.up.sql': 'select 1;' })
    await expect(migrateUp(owner, all)).rejects.toThrow(
      /^0002_fill\.up\.sql: under FORCE ROW LEVEL SECURITY the owner sees no rows of projects, .* put "/,
    )
    expect((await migrationStatus(owner, all))[1]?.pending).toHaveLength(2)
    const force = (no: string) => `alter table projects ${no} force row level security;`
    await writeFile(
      join(all[1].folder, '0002_fill.up.sql'),
      `${force('no')}\n${update}\n${force('')}`,
    )
    expect(await migrateUp(owner, all)).toEqual(['app 0002_fill', 'app 0003_x'])
    expect((await run(platform, 'select name from projects')).rows).toEqual([{ name: 'b' }])
  })
})

test('the status is available to the identity role too', async () => {
  await onEmptyDatabase(async ({ owner, identity }) => {
    const all = await historiesWith({})
    const fault = async () => migrationFault(await migrationStatus(identity, all))
    expect(await fault()).toBe(
      `the database is behind this code (missing ${KERNEL.join(', ')}, 0001_projects); ` +
        'run: tenantry migrate up',
    )
    await migrateUp(owner, all)
    expect(await fault()).toBeUndefined()
    expect(await migrationStatus(identity, all)).toEqual([
      { history: 'kernel', applied: KERNEL, pending: [], unknown: [] },
      { history: 'app', applied: ['0001_projects'], pending: [], unknown: [] },
    ])
    await run(owner, "insert into tenantry.app_migrations (name, run_on) values ('0009_x', now())")
    const ahead = 'the database is ahead of this code (it has 0009_x); deploy the newer code'
    expect(await fault()).toBe(ahead)
    expect(await migrateUp(owner, all)).toEqual([])
    await writeFile(join(all[1].folder, '0002_more.up.sql'), 'select 1;')
    await expect(migrateUp(owner, all)).rejects.toThrow(ahead)
  })
})
