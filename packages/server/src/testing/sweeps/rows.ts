import { createHash } from 'node:crypto'
import { inject } from 'vitest'
import { withClient } from '../../db/setup.ts'

/** Every row of a tenant, by table, as JSON text. Read by the operators' door: it sees them all. */
async function rowsOf(tenantId: string): Promise<Map<string, string[]>> {
  return withClient(inject('tenantryDatabase').platform, async (client) => {
    const { rows: tables } = await client.query<{ name: string }>(tenantTables)
    const found = new Map<string, string[]>()
    for (const { name } of tables) {
      const { rows } = await client.query<{ row: string }>(
        `select to_jsonb(t)::text as row from ${name} t where tenant_id = $1 order by 1`,
        [tenantId],
      )
      found.set(
        name,
        rows.map((it) => it.row),
      )
    }
    return found
  })
}

/** One hash over every row of a tenant. */
export async function hashOf(tenantId: string): Promise<string> {
  return createHash('sha256')
    .update(JSON.stringify([...(await rowsOf(tenantId))]))
    .digest('hex')
}

/** Every id in a tenant's rows. */
export async function idsOf(tenantId: string): Promise<Set<string>> {
  const text = JSON.stringify([...(await rowsOf(tenantId))])
  return new Set(text.match(/[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}/g))
}

const tenantTables = `
  select c.oid::regclass::text as name
  from pg_class c
  join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped
  join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p') and not c.relispartition and n.nspname in ('public', 'tenantry')
  order by 1`
