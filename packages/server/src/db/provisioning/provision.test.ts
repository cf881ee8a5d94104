import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { schemaOf } from '../../../test/database/schema_dump.ts'
import { appMigrations, onEmptyDatabase } from '../../../test/fixtures/databases.ts'
import { databaseOf, withDatabase } from '../connect/dsn.ts'
import { withClient } from '../connect/with_client.ts'
import { type EmbeddedPostgres, startEmbedded } from '../embedded/embedded.ts'
import { histories, migrateUp } from '../migrations/migrate.ts'
import { randomPasswords } from './passwords.ts'
import { existingRoles } from './plan.ts'
import { provisionDatabase } from './provision.ts'
import { asOwner } from './role_urls.ts'
import { allRoles } from './roles.ts'

const randomName = () => `tenantry_test_${randomBytes(6).toString('hex')}`
const query = async (url: string, sql: string) =>
  withClient(url, async (client) => (await client.query(sql)).rows)

describe('setting up again', () => {
  test('changes nothing', async () => {
    await onEmptyDatabase(async (urls) => {
      const { admin } = inject('tenantryDatabase')
      const database = databaseOf(urls.owner)
      const state = async () => [
        await query(
          admin,
          "select * from pg_roles where rolname like 'tenantry%' order by rolname",
        ),
        await query(
          admin,
          `select datdba, datacl::text from pg_database where datname = '${database}'`,
        ),
        await schemaOf(urls.owner),
      ]
      await migrateUp(urls.owner, histories(appMigrations))
      const before = await state()
      expect(await provisionDatabase({ adminUrl: admin, database, passwords: {} })).toEqual({})
      expect(await state()).toEqual(before)
    })
  })

  test('concurrently creates the database once', async () => {
    const { admin } = inject('tenantryDatabase')
    const database = randomName()
    const setUp = () => provisionDatabase({ adminUrl: admin, database, passwords: {} })
    try {
      await Promise.all([setUp(), setUp(), setUp()])
      const found = await query(
        admin,
        `select pg_get_userbyid(datdba) as owner from pg_database
        where datname = '${database}'`,
      )
      expect(found).toEqual([{ owner: 'tenantry_owner' }])
    } finally {
      await query(admin, `drop database ${database} with (force)`)
    }
  })

  test('takes over an empty database, but none that is in use', async () => {
    const { admin } = inject('tenantryDatabase')
    const database = randomName()
    const setUp = () => provisionDatabase({ adminUrl: admin, database, passwords: {} })
    try {
      await query(admin, `create database ${database}`)
      await query(withDatabase(admin, database), 'create table existing (id int)')
      await expect(setUp()).rejects.toThrow(
        /^database "tenantry_test_\w+" exists, belongs to "\w+" and is in use/,
      )
      await query(withDatabase(admin, database), 'drop table existing')
      await setUp()
    } finally {
      await query(admin, `drop database ${database} with (force)`)
    }
  })
})

describe('the encoding of the database', () => {
  const encodingOf = (database: string) =>
    query(
      inject('tenantryDatabase').admin,
      `select pg_encoding_to_char(encoding) as encoding from pg_database where datname = '${database}'`,
    )

  test('is UTF8 in a new one', async () => {
    await onEmptyDatabase(async ({ app }) => {
      expect(await encodingOf(databaseOf(app))).toEqual([{ encoding: 'UTF8' }])
      expect(await query(app, "select '日本語' as it")).toEqual([{ it: '日本語' }])
    })
  })

  test.each(['SQL_ASCII', 'LATIN1'])('%s is rejected, with what to do', async (encoding) => {
    const { admin } = inject('tenantryDatabase')
    const database = randomName()
    await query(
      admin,
      `create database ${database} template template0 encoding '${encoding}'
       locale_provider libc lc_collate 'C' lc_ctype 'C'`,
    )
    try {
      const setUp = provisionDatabase({ adminUrl: admin, database, passwords: {} })
      await expect(setUp).rejects.toThrow(
        `database "${database}": its encoding is ${encoding}, which cannot store every text: ` +
          'name a database that does not exist yet',
      )
    } finally {
      await query(admin, `drop database ${database}`)
    }
  })
})

describe('an administrator that is not a superuser', () => {
  let postgres: EmbeddedPostgres
  let dataDir: string
  let adminUrl: string
  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'tenantry-setup-'))
    postgres = await startEmbedded({ dataDir, ephemeral: true })
    await query(
      postgres.adminUrl,
      "create role deployer login createdb createrole password 'secret'",
    )
    const url = new URL(postgres.adminUrl)
    url.username = 'deployer'
    url.password = 'secret'
    adminUrl = url.href
  })
  afterAll(async () => {
    await postgres.stop()
    await rm(dataDir, { recursive: true, force: true })
  })

  test('sets everything up, twice, and the new owner migrates', async () => {
    const passwords = randomPasswords()
    const setUp = () => provisionDatabase({ adminUrl, database: 'saas', passwords })
    const urls = await setUp()
    expect(await setUp()).toEqual(urls)
    expect(await existingRoles(adminUrl)).toEqual(allRoles)
    expect(await migrateUp(urls.owner, histories(appMigrations))).toContain('kernel 0001_tenancy')
    for (const role of ['app', 'identity', 'jobs', 'platform', 'backup'] as const) {
      expect(await query(urls[role], 'select current_user as role')).toEqual([
        { role: `tenantry_${role}` },
      ])
    }
    expect(await query(asOwner(adminUrl, 'saas'), 'select current_user as role')).toEqual([
      { role: 'tenantry_owner' },
    ])
  })

  test('creates a second database for existing roles, and sets new passwords', async () => {
    const passwords = randomPasswords()
    const urls = await provisionDatabase({ adminUrl, database: 'other', passwords })
    expect(await migrateUp(urls.owner, histories(appMigrations))).toContain('kernel 0001_tenancy')
    expect(await query(withDatabase(urls.app, 'saas'), 'select current_user as role')).toEqual([
      { role: 'tenantry_app' },
    ])
  })

  test('grants access to no other role', async () => {
    await query(adminUrl, "create role outsider login password 'secret'")
    const outsider = new URL(withDatabase(adminUrl, 'saas'))
    outsider.username = 'outsider'
    await expect(query(outsider.href, 'select 1')).rejects.toMatchObject({ code: '42501' })
  })
})
