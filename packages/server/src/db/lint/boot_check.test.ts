import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { afterAll, describe, expect, test } from 'vitest'
import { asAdmin, sharedDatabase } from '../../../test/fixtures/databases.ts'
import { assertServingRoles, assertTablesProtected, type RoleToCheck } from './boot_check.ts'

const made: string[] = []
afterAll(async () => {
  await asAdmin(async (admin) => {
    for (const role of made) await admin.query(`drop owned by ${role}; drop role ${role}`)
  })
})

// One after another: two GRANTs on one database at once are an error to one of them.
describe('the doors', () => {
  test('RLS-3 of the set-up are safe', async () => {
    const { app, identity, platform } = sharedDatabase()
    expect(
      await check([
        ['app', app],
        ['identity', identity],
        ['platform', platform],
      ]),
    ).toBe('safe')
  })

  test('OPS-7 may have login roles of their own, for rotating passwords', async () => {
    expect(await check([['app', await loginRole('in role tenantry_app')]])).toBe('safe')
  })

  test.each([
    ['superuser', 'superuser', 'superuser'],
    ['BYPASSRLS', 'in role tenantry_app bypassrls', 'bypassrls'],
    ['CREATEROLE', 'in role tenantry_app createrole', 'createrole'],
    ['CREATEDB', 'in role tenantry_app createdb', 'createdb'],
    ['the owner', 'in role tenantry_app, tenantry_owner', 'member of tenantry_owner'],
    ['another door', 'in role tenantry_app, tenantry_platform', 'member of tenantry_platform'],
    ['writing files', 'in role tenantry_app, pg_write_server_files', 'pg_write_server_files'],
  ])('RLS-3 must not have the powers of %s', async (_what, attributes, power) => {
    const url = await loginRole(attributes)
    expect(await check([['app', url]])).toMatch(
      new RegExp(`^DB_APP: "\\w+" is above row-level security \\(.*${power}.*\\), and the server`),
    )
  })

  test('RLS-3 must have the right role', async () => {
    expect(await check([['app', await loginRole('')]])).toMatch(
      /^DB_APP: "\w+" is not tenantry_app: give the DSN/,
    )
  })

  test('must lead to one database', async () => {
    const { app, admin } = sharedDatabase()
    const elsewhere = await loginRole('in role tenantry_identity', admin, 'postgres')
    expect(
      await check([
        ['app', app],
        ['identity', elsewhere],
      ]),
    ).toMatch(
      /^DB_APP and DB_IDENTITY lead to different databases \(tenantry_test_\w+, postgres\)$/,
    )
  })
})

/** What the check says of these doors, in its own words. */
async function check(given: ['app' | 'identity' | 'platform', string][]): Promise<string> {
  const database: RoleToCheck[] = given.map(([role, url]) => ({
    role,
    url,
    setting: `DB_${role.toUpperCase()}`,
    pool: new pg.Pool({ connectionString: url, max: 1 }),
  }))
  try {
    await assertServingRoles(database)
    await assertTablesProtected(database)
    return 'safe'
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  } finally {
    await Promise.all(database.map(({ pool }) => pool.end()))
  }
}

async function loginRole(attributes: string, on = sharedDatabase().app, database?: string) {
  const role = `boot_check_${randomBytes(4).toString('hex')}`
  await asAdmin((admin) => admin.query(`create role ${role} login password 'x' ${attributes}`))
  made.push(role)
  const url = new URL(on)
  url.username = role
  url.password = 'x'
  if (database !== undefined) url.pathname = `/${database}`
  else
    await asAdmin((admin) =>
      admin.query(`grant connect on database ${url.pathname.slice(1)} to ${role}`),
    )
  return url.href
}
