// OPS-10: what is left of a tenant after it was erased.
import type pg from 'pg'
import { expect, test } from 'vitest'
import { attempt } from '../fixtures/attempt.ts'
import { asAdmin, asRole } from '../fixtures/databases.ts'
import { insertSample, insertSql, type Sample, sampledTables } from './sample_rows.ts'

// The rows of a tenant, referring ones first. A tenant's app tables come before the kernel's.
const ownTables = [...sampledTables]
  .reverse()
  .filter((it) => it !== 'tenantry.tenants' && it !== 'tenantry.users')

const setDeleting = "update tenantry.tenants set status = 'deleting' where id = $1"
const logColumns = `tenant_id, id, created_at, actor_id, session_id, action, entity, entity_id, meta,
  request_id, address`
const logSql = `select ${logColumns}`

/** Erases a tenant as the platform role, as a job can. */
async function erase(client: pg.Client, { tenantId }: Sample): Promise<void> {
  await client.query(setDeleting, [tenantId])
  for (const table of ownTables) {
    await client.query(`delete from ${table} where tenant_id = $1`, [tenantId])
  }
  await client.query('delete from tenantry.tenants where id = $1', [tenantId])
}

async function rowsLeft(client: pg.Client, { tenantId }: Sample): Promise<string[]> {
  const left: string[] = []
  for (const table of ownTables) {
    const { rowCount } = await client.query(`select 1 from ${table} where tenant_id = $1`, [
      tenantId,
    ])
    if (rowCount !== 0) left.push(table)
  }
  return left
}

test('a tenant can be erased by the platform role, and its log is retained', async () => {
  await asRole('platform', async (client) => {
    const [erased, other] = [await insertSample(client), await insertSample(client)]
    const log = await client.query(`${logSql} from tenantry.audit_logs where tenant_id = $1`, [
      erased.tenantId,
    ])
    expect(log.rows).toHaveLength(1)
    const before = await rowsLeft(client, other)
    await erase(client, erased)
    expect(await rowsLeft(client, erased)).toEqual([])
    expect(await rowsLeft(client, other)).toEqual(before)
    const retained = await client.query(
      `${logSql} from tenantry.retained_logs where tenant_id = $1`,
      [erased.tenantId],
    )
    expect(retained.rows).toEqual(log.rows)
  })
})

test('a tenant that was restored from a backup can be erased again, and both copies of its log stay', async () => {
  await asRole('platform', async (client) => {
    const erased = await insertSample(client)
    const { tenantId } = erased
    await erase(client, erased)
    await asAdmin(async (admin) => {
      const row = erased.rows['tenantry.tenants'] ?? {}
      await admin.query(insertSql('tenantry.tenants', row), [JSON.stringify(row)])
      await admin.query(`insert into tenantry.audit_logs (${logColumns}) ${logSql} from tenantry.retained_logs
        where tenant_id = '${tenantId}'`)
    })
    await erase(client, erased)
    const retained = `${logSql} from tenantry.retained_logs where tenant_id = $1`
    const { rows } = await client.query(retained, [tenantId])
    expect(rows).toHaveLength(2)
    expect(rows[0]).toEqual(rows[1])
  })
})

test('the log of a tenant that is not being deleted stays', async () => {
  await asRole('platform', async (client) => {
    const { tenantId } = await insertSample(client)
    const remove = 'delete from tenantry.audit_logs where tenant_id = $1'
    for (const status of ['active', 'suspended']) {
      await client.query('update tenantry.tenants set status = $2 where id = $1', [
        tenantId,
        status,
      ])
      expect((await client.query(remove, [tenantId])).rowCount).toBe(0)
    }
    const erase = await attempt(client, undefined, 'delete from tenantry.tenants where id = $1', [
      tenantId,
    ])
    expect(erase.code).toBe('23503')
  })
})

test.each([
  ['platform', 'delete from tenantry.retained_logs'],
  ['platform', "update tenantry.retained_logs set action = 'x'"],
  [
    'platform',
    'insert into tenantry.retained_logs (tenant_id, id, action) select tenant_id, id, action from tenantry.audit_logs',
  ],
  ['platform', 'truncate tenantry.audit_logs'],
  ['platform', 'select tenantry.retain_log()'],
  ['app', 'delete from tenantry.audit_logs'],
  ['app', 'select 1 from tenantry.retained_logs'],
  ['app', 'delete from tenantry.retained_logs'],
  ['app', 'delete from tenantry.tenants'],
  ['identity', 'delete from tenantry.audit_logs'],
  ['identity', 'select 1 from tenantry.retained_logs'],
  ['identity', 'delete from tenantry.retained_logs'],
  ['identity', 'delete from tenantry.tenants'],
] as const)('the %s role may not: %s', async (role, statement) => {
  await asRole(role, async (client) => {
    expect(await attempt(client, undefined, statement)).toMatchObject({ code: '42501' })
  })
})
