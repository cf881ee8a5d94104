import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { attempt } from '../fixtures/attempt.ts'
import { asRole, scopeUrls } from '../fixtures/databases.ts'
import { insertSample, insertSql, ownerKey, type Sample, sampledTables } from './sample_rows.ts'

/** The tables of which a role sees rows before a tenant is set, and why. */
const shownWithoutTenant: Record<string, string> = {
  'identity tenantry.tenants': 'a host is resolved to its tenant',
  'identity tenantry.domains': 'a host is resolved to its tenant',
  'identity tenantry.users': 'a password is checked before membership is',
}

let sample: Sample
beforeAll(async () => {
  sample = await asRole('platform', insertSample)
})

// What a person changes themselves belongs to no tenant.
const ownColumns = new Set(['password_hash', 'email', 'email_key', 'full_name', 'locale'])

describe.each(['app', 'identity'] as const)('without a tenant the %s role', (role) => {
  let client: pg.Client
  beforeAll(async () => {
    client = new pg.Client(scopeUrls()[role])
    await client.connect()
  })
  afterAll(() => client.end())

  /** Runs SQL on a connection that never had a tenant, and on one whose last transaction had one. */
  async function tryBoth(text: string, values: unknown[] = []) {
    await client.query('discard all')
    const fresh = await attempt(client, undefined, text, values)
    await client.query('begin')
    await client.query('select tenantry.set_tenant($1)', [sample.tenantId])
    await client.query('commit')
    const { rows } = await client.query("select current_setting('app.tenant_id', true) as it")
    expect(rows).toEqual([{ it: '' }])
    const used = await attempt(client, undefined, text, values)
    expect(used).toEqual(fresh)
    return fresh
  }

  test.each(sampledTables)('sees no row of %s (RLS-2)', async (table) => {
    const { column, value } = ownerKey(sample, table)
    const seen = await tryBoth(`select ${column} from ${table} where ${column} = $1`, [value])
    const shown = `${role} ${table}` in shownWithoutTenant
    const forbidden = !(await mayRead(client, table))
    expect(seen.code).toBe(forbidden ? '42501' : 'ok')
    expect(seen.rowCount).toBe(shown ? 1 : 0)
  })

  test.each(sampledTables)('writes no row of %s (RLS-2)', async (table) => {
    const row = sample.rows[table] ?? {}
    expect(await tryBoth(insertSql(table, row), [JSON.stringify(row)])).toMatchObject({
      code: '42501',
    })
    const { [Object.keys(row)[0] ?? '']: _, ...unnamed } = row
    expect((await tryBoth(insertSql(table, unnamed), [JSON.stringify(unnamed)])).code).not.toBe(
      'ok',
    )
    const { column, value } = ownerKey(sample, table)
    const where = `where ${column} = $1`
    for (const name of Object.keys(row)) {
      if (role === 'identity' && table === 'tenantry.users' && ownColumns.has(name)) continue
      const changed = await tryBoth(`update ${table} set ${name} = ${name} ${where}`, [value])
      expect(['ok', '42501']).toContain(changed.code)
      expect(changed.rowCount).toBe(0)
    }
    const removed = await tryBoth(`delete from ${table} ${where}`, [value])
    expect(['ok', '42501']).toContain(removed.code)
    expect(removed.rowCount).toBe(0)
  })
})

async function mayRead(client: pg.Client, table: string): Promise<boolean> {
  const { rows } = await client.query<{ may: boolean }>(
    "select has_any_column_privilege($1, 'select') as may",
    [table],
  )
  return rows[0]?.may === true
}
