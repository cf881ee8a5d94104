import type { SchemableIdentifierNode } from 'kysely'
import type pg from 'pg'

/**
 * The tables of the data plane, as queries name them: `schema.table`, and `table` alone where the search
 * path of the roles finds it.
 */
export class TenantTables {
  #names: ReadonlySet<string>

  constructor(names: Iterable<string> = ['tenantry.audit_logs']) {
    this.#names = new Set(names)
  }

  /** Reads the list from the catalog, where make_tenant_table() records it. Before, it holds the kernel's only. */
  async load(pool: pg.Pool): Promise<void> {
    const client = await pool.connect()
    try {
      const { rows } = await client.query<{ name: string }>({ text: namesSql })
      this.#names = new Set(rows.map(({ name }) => name))
    } finally {
      client.release()
    }
  }

  /** Whether an identifier of a query names one of them. */
  has({ schema, identifier }: SchemableIdentifierNode): boolean {
    return this.#names.has(
      schema === undefined ? identifier.name : `${schema.name}.${identifier.name}`,
    )
  }
}

/** The policy whose comment records the plane of a table. It stays where foreign keys are dropped. */
export const isDataPlane = (policy: string) =>
  `${policy}.polname = 'app_own_tenant' and obj_description(${policy}.oid, 'pg_policy') = 'tenantry: data plane'`

const namesSql = `
  select name
  from pg_policy p
  join pg_class c on c.oid = p.polrelid
  join pg_namespace n on n.oid = c.relnamespace
  cross join lateral (values
    (n.nspname || '.' || c.relname), (case when pg_table_is_visible(c.oid) then c.relname end)) names (name)
  where ${isDataPlane('p')} and name is not null`
