import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { asRole, onEmptyDatabase, sharedDatabase } from '../../../test/fixtures/databases.ts'
import { openTestDatabase } from '../../../test/fixtures/test_database.ts'
import { databaseOf } from '../connect/dsn.ts'
import { withClient } from '../connect/with_client.ts'
import { findingText, lint } from '../lint/lint.ts'
import { largeObjects } from './large_objects.ts'
import { provisionDatabase } from './provision.ts'
import { inheritedSettings, roleSettings } from './role_settings.ts'
import { asOwner } from './role_urls.ts'
import { allRoles, sessionSettings } from './roles.ts'

const query = (url: string, sql: string) =>
  withClient(url, async (it) => (await it.query(sql)).rows)
const findings = (url: string) =>
  withClient(url, async (it) => (await lint(it, [roleSettings])).map(({ subject }) => subject))

describe('a role that changes its own settings', () => {
  test.each([
    ['statement_timeout = 0', 'tenantry_app (statement_timeout = 0)'],
    ['search_path = tenantry', 'tenantry_app (search_path = tenantry)'],
    ["datestyle = 'SQL, DMY'", 'tenantry_app (datestyle = SQL, DMY)'],
    ['row_security = off', 'tenantry_app (row_security = off)'],
    ['default_transaction_read_only = on', 'tenantry_app (default_transaction_read_only = on)'],
  ])('is detected, and the next set-up resets it: %s (RLS-3, POOL-4)', async (setting, finding) => {
    await onEmptyDatabase(async ({ admin, app, owner }) => {
      const database = databaseOf(app)
      expect(await findings(app)).toEqual([])
      // In this database only: other tests use the same roles.
      await query(app, `alter role current_user in database ${database} set ${setting}`)
      expect(await findings(app)).toEqual([finding])
      expect(await findings(owner)).toEqual([finding])
      await provisionDatabase({ adminUrl: admin, database, passwords: {} })
      expect(await findings(app)).toEqual([])
    })
  })

  test('is detected for all databases, as is a missing limit', async () => {
    await withClient(sharedDatabase().admin, async (admin) => {
      await admin.query('begin')
      await admin.query('alter role tenantry_identity reset lock_timeout')
      await admin.query("alter role tenantry_platform set statement_timeout = '10h'")
      await admin.query("alter role tenantry_app set app.tenant_id = 'x'")
      await admin.query("alter role tenantry_app set work_mem = '8MB'")
      const found = await lint(admin, [roleSettings])
      await admin.query('rollback')
      expect(found.map(({ subject }) => subject)).toEqual([
        'tenantry_app (app.tenant_id = x)',
        'tenantry_identity (lock_timeout)',
        'tenantry_platform (statement_timeout = 10h)',
      ])
      expect(findingText(found[0] ?? { rule: roleSettings, subject: '' })).toContain(
        'run: tenantry setup',
      )
    })
  })

  test('lifts no limit of later connections in a pool (POOL-4)', async () => {
    await onEmptyDatabase(async (urls) => {
      const lifts = ['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout']
      for (const name of lifts) {
        const place = `in database ${databaseOf(urls.app)}`
        await query(urls.app, `alter role current_user ${place} set ${name} = 0`)
      }
      expect(await query(urls.app, 'show statement_timeout')).toEqual([{ statement_timeout: '0' }])
      const { pools, close } = openTestDatabase({ urls })
      const { rows } = await pools.app.query(
        'select name, setting from pg_settings where name = any ($1) order by name',
        [lifts],
      )
      expect(rows).toEqual([
        { name: 'idle_in_transaction_session_timeout', setting: '15000' },
        { name: 'lock_timeout', setting: '5000' },
        { name: 'statement_timeout', setting: '10000' },
      ])
      await close()
    })
  })
})

describe('settings of a server, a database or the environment', () => {
  const other: Record<string, string> = {
    array_nulls: 'off',
    bytea_output: 'escape',
    datestyle: 'SQL, DMY',
    default_transaction_isolation: 'serializable',
    extra_float_digits: '-15',
    gin_fuzzy_search_limit: '1',
    idle_session_timeout: '600000',
    intervalstyle: 'iso_8601',
    quote_all_identifiers: 'on',
    row_security: 'off',
    search_path: 'tenantry',
    standard_conforming_strings: 'off',
    timezone: 'Europe/Berlin',
    transform_null_equals: 'on',
  }
  const shown = (url: string) => withClient(url, inheritedSettings)

  test('do not reach the sessions of a role, which have settings of their own', async () => {
    expect(Object.keys(other)).toEqual(Object.keys(sessionSettings))
    await onEmptyDatabase(async (urls) => {
      const database = databaseOf(urls.app)
      for (const [name, value] of Object.entries(other)) {
        await query(urls.admin, `alter database ${database} set ${name} = '${value}'`)
      }
      expect(await shown(urls.admin)).toHaveLength(14)
      for (const role of allRoles) expect(await shown(urls[role])).toEqual([])
      expect(await shown(asOwner(urls.admin, database))).toEqual([])
      expect(await findings(urls.app)).toEqual([])
    })
  })

  test('are found if an older set-up stored none for a role, and the next set-up stores them', async () => {
    await onEmptyDatabase(async (urls) => {
      const database = databaseOf(urls.app)
      await query(urls.admin, `alter role tenantry_app in database ${database} reset all`)
      await query(urls.admin, `alter database ${database} set timezone = 'Asia/Tokyo'`)
      expect(await findings(urls.app)).toHaveLength(14)
      const [fault] = await shown(urls.app)
      expect(fault).toBe(
        'TimeZone is "Asia/Tokyo" by the level "database", and must be "UTC": run: tenantry setup',
      )
      await provisionDatabase({ adminUrl: urls.admin, database, passwords: {} })
      expect([await findings(urls.app), await shown(urls.app)]).toEqual([[], []])
    })
  })

  test('PGOPTIONS changes no session; the options of a DSN are found', async () => {
    vi.stubEnv('PGOPTIONS', '-c search_path=tenantry')
    onTestFinished(() => {
      vi.unstubAllEnvs()
    })
    const { app } = sharedDatabase()
    expect(await shown(app)).toEqual([])
    expect(
      await shown(`${app}${app.includes('?') ? '&' : '?'}options=-c%20datestyle%3DGerman`),
    ).toEqual([
      'DateStyle is "German, DMY" by the options of its DSN, and must be "ISO, MDY": remove it there',
    ])
  })
})

describe('large objects', () => {
  test.each(['app', 'identity', 'platform'] as const)(
    'are not accessible to the %s role (RLS-3)',
    (role) =>
      asRole(role, async (client) => {
        for (const call of [
          'lo_create(0)',
          "lo_from_bytea(0, 'x')",
          'lo_creat(-1)',
          'lo_unlink(1)',
        ]) {
          await expect(client.query(`select ${call}`)).rejects.toMatchObject({ code: '42501' })
        }
      }),
  )

  test('are reported if PUBLIC may create them', async () => {
    await withClient(sharedDatabase().admin, async (admin) => {
      expect(await lint(admin, [largeObjects])).toEqual([])
      await admin.query('begin')
      await admin.query('grant execute on function lo_create(oid) to public')
      const found = await lint(admin, [largeObjects])
      await admin.query('rollback')
      expect(found.map(({ subject }) => subject)).toEqual([
        'tenantry_app, tenantry_identity, tenantry_jobs, tenantry_platform',
      ])
    })
  })
})
