import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { schemaOf } from '../../../test/database/schema_dump.ts'
import { appMigrations, onEmptyDatabase } from '../../../test/fixtures/databases.ts'
import { type EmbeddedPostgres, startEmbedded } from '../embedded/embedded.ts'
import { histories, migrateUp } from '../migrations/migrate.ts'
import { databaseOf } from './probe.ts'
import {
  asOwner,
  existingRoles,
  provisionDatabase,
  type RoleUrls,
  randomPasswords,
  withClient,
  withDatabase,
} from './roles.ts'

const randomName = () => `tenantry_test_${randomBytes(6).toString('hex')}`
const ask = async (url: string, sql: string) =>
  withClient(url, async (client) => (await client.query(sql)).rows)

describe('setting up again', () => {
  test('changes nothing', async () => {
    await onEmptyDatabase(async (urls) => {
      const { admin } = inject('tenantryDatabase')
      const database = databaseOf(urls.owner)
      const state = async () => [
        await ask(admin, "select * from pg_roles where rolname like 'tenantry%' order by rolname"),
        await ask(
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

  test('at the same time is no matter', async () => {
    const { admin } = inject('tenantryDatabase')
    const database = randomName()
    const setUp = () => provisionDatabase({ adminUrl: admin, database, passwords: {} })
    try {
      await Promise.all([setUp(), setUp(), setUp()])
      const found = await ask(
        admin,
        `select pg_get_userbyid(datdba) as owner from pg_database
        where datname = '${database}'`,
      )
      expect(found).toEqual([{ owner: 'tenantry_owner' }])
    } finally {
      await ask(admin, `drop database ${database} with (force)`)
    }
  })

  test('takes over a database that is empty, and none that is in use', async () => {
    const { admin } = inject('tenantryDatabase')
    const database = randomName()
    const setUp = () => provisionDatabase({ adminUrl: admin, database, passwords: {} })
    try {
      await ask(admin, `create database ${database}`)
      await ask(withDatabase(admin, database), 'create table somebodys (id int)')
      await expect(setUp()).rejects.toThrow(
        /^database "tenantry_test_\w+" exists, belongs to "\w+" and is in use/,
      )
      await ask(withDatabase(admin, database), 'drop table somebodys')
      await setUp()
    } finally {
      await ask(admin, `drop database ${database} with (force)`)
    }
  })
})

describe('an administrator who is no superuser', () => {
  let postgres: EmbeddedPostgres
  let dataDir: string
  let adminUrl: string
  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'tenantry-setup-'))
    postgres = await startEmbedded({ dataDir, ephemeral: true })
    await ask(postgres.adminUrl, "create role deployer login createdb createrole password 'secret'")
    const url = new URL(postgres.adminUrl)
    url.username = 'deployer'
    url.password = 'secret'
    adminUrl = url.href
  })
  afterAll(async () => {
    await postgres.stop()
    await rm(dataDir, { recursive: true, force: true })
  })

  test('sets everything up, twice, and the owner it made migrates', async () => {
    const passwords = randomPasswords()
    const setUp = () => provisionDatabase({ adminUrl, database: 'saas', passwords })
    const urls = (await setUp()) as RoleUrls
    expect(await setUp()).toEqual(urls)
    expect(await existingRoles(adminUrl)).toEqual(['owner', 'app', 'identity', 'platform'])
    expect(await migrateUp(urls.owner, histories(appMigrations))).toHaveLength(5)
    for (const role of ['app', 'identity', 'platform'] as const) {
      expect(await ask(urls[role], 'select current_user as role')).toEqual([
        { role: `tenantry_${role}` },
      ])
    }
    expect(await ask(asOwner(adminUrl, 'saas'), 'select current_user as role')).toEqual([
      { role: 'tenantry_owner' },
    ])
  })

  test('makes a second database for roles that exist, and gives them new passwords', async () => {
    const passwords = randomPasswords()
    const urls = (await provisionDatabase({ adminUrl, database: 'other', passwords })) as RoleUrls
    expect(await migrateUp(urls.owner, histories(appMigrations))).toHaveLength(5)
    expect(await ask(withDatabase(urls.app, 'saas'), 'select current_user as role')).toEqual([
      { role: 'tenantry_app' },
    ])
  })

  test('lets in nobody else: not into the database, not as another role', async () => {
    await ask(adminUrl, "create role stranger login password 'secret'")
    const stranger = new URL(withDatabase(adminUrl, 'saas'))
    stranger.username = 'stranger'
    await expect(ask(stranger.href, 'select 1')).rejects.toMatchObject({ code: '42501' })
  })
})
