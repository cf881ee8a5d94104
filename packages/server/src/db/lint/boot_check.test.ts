import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { afterAll, describe, expect, test } from 'vitest'
import { asAdmin, sharedDatabase } from '../../../test/fixtures/databases.ts'
import type { ServingRole } from '../provisioning/roles.ts'
import { assertServingRoles, dsnOfListener, dsnsOfPools, schemaFaults } from './boot_check.ts'

const created: string[] = []
afterAll(async () => {
  await asAdmin(async (admin) => {
    for (const role of created) await admin.query(`drop owned by ${role}; drop role ${role}`)
  })
})

// Sequential: of two concurrent GRANTs on one database one fails.
describe('the serving roles', () => {
  test('RLS-3 are safe as the set-up creates them', async () => {
    const { app, identity, platform } = sharedDatabase()
    expect(
      await check([
        ['app', app],
        ['identity', identity],
        ['platform', platform],
      ]),
    ).toBe('safe')
  })

  test('OPS-7 may have separate login roles, for rotating passwords', async () => {
    expect(await check([['app', await loginRole('in role tenantry_app')]])).toBe('safe')
  })

  test.each([
    ['superuser', 'superuser', 'superuser'],
    ['BYPASSRLS', 'in role tenantry_app bypassrls', 'bypassrls'],
    ['CREATEROLE', 'in role tenantry_app createrole', 'createrole'],
    ['CREATEDB', 'in role tenantry_app createdb', 'createdb'],
    ['the owner', 'in role tenantry_app, tenantry_owner', 'member of tenantry_owner'],
    [
      'another serving role',
      'in role tenantry_app, tenantry_platform',
      'member of tenantry_platform',
    ],
    ['writing files', 'in role tenantry_app, pg_write_server_files', 'pg_write_server_files'],
  ])('RLS-3 must not have the powers of %s', async (_what, attributes, power) => {
    const url = await loginRole(attributes)
    expect(await check([['app', url]])).toMatch(
      new RegExp(
        `^DB_URL: "\\w+" can bypass row-level security \\(.*${power}.*\\), and the server`,
      ),
    )
  })

  test('RLS-3 must be the role that the setting names', async () => {
    expect(await check([['app', await loginRole('')]])).toMatch(
      /^DB_URL: "\w+" is not tenantry_app: set the DSN/,
    )
  })

  test.each(['app', 'identity'] as const)('RLS-3 may be the listener: %s', async (role) => {
    const urls = sharedDatabase()
    expect(await check([['app', urls.app]], urls[role])).toBe('safe')
  })

  test.each([
    ['admin', 'can bypass row-level security (superuser)'],
    ['owner', 'is not tenantry_app or tenantry_identity'],
    ['platform', 'is not tenantry_app or tenantry_identity'],
  ] as const)('RLS-3 must not be the listener: %s', async (role, words) => {
    const { app, [role]: listener } = sharedDatabase()
    const said = await check([['app', app]], listener)
    expect(said).toMatch(/^DB_LISTEN_URL: /)
    expect(said).toContain(words)
  })

  test('RLS-10 a policy for a separate login role is found', async () => {
    const url = await loginRole('in role tenantry_app')
    const { username } = new URL(url)
    await asAdmin((admin) =>
      admin.query(
        `create policy wide on projects to ${username} using (name > '') with check (name > '')`,
      ),
    )
    expect(await check([['app', url]])).toMatch(/^L23 projects \(wide for all\)/)
    await asAdmin((admin) => admin.query('drop policy wide on projects'))
  })

  test('must use one database', async () => {
    const { app, admin } = sharedDatabase()
    const elsewhere = await loginRole('in role tenantry_identity', admin, 'postgres')
    expect(
      await check([
        ['app', app],
        ['identity', elsewhere],
      ]),
    ).toMatch(
      /^DB_URL and DB_IDENTITY_URL name different databases \(tenantry_test_\w+, postgres\)/,
    )
  })
})

/** The message of the check, or `safe`. */
async function check(given: [ServingRole, string][], listener?: string): Promise<string> {
  const urls = Object.fromEntries(given)
  const pools = Object.fromEntries(
    given.map(([role, url]) => [role, new pg.Pool({ connectionString: url, max: 1 })]),
  )
  try {
    const logins = await assertServingRoles([
      ...dsnsOfPools(urls, pools),
      ...dsnOfListener(listener),
    ])
    const [pool] = Object.values(pools)
    const found = pool === undefined ? undefined : await schemaFaults(pool, {}, logins)
    return found?.violations[0] ?? 'safe'
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  } finally {
    await Promise.all(Object.values(pools).map((it) => it.end()))
  }
}

async function loginRole(attributes: string, on = sharedDatabase().app, database?: string) {
  const role = `boot_check_${randomBytes(4).toString('hex')}`
  await asAdmin((admin) => admin.query(`create role ${role} login password 'x' ${attributes}`))
  created.push(role)
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
