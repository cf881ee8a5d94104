import type { Kysely } from 'kysely'
import type { KernelTables } from '../../db/tables.ts'

/** Which domains a command of a platform admin is about. */
export interface DomainFilter {
  /** A subdomain. */
  tenant?: string | undefined
  name?: string | undefined
}

/** The domains of all tenants, by name. Runs in `acrossTenants` only. */
export function listAllDomains(db: Kysely<KernelTables>, { tenant, name }: DomainFilter) {
  let rows = db
    .selectFrom('tenantry.domains as d')
    .innerJoin('tenantry.tenants as t', 't.id', 'd.tenant_id')
    .select(['d.id', 'd.name', 'd.state', 'd.is_primary', 'd.problem', 'd.points_here'])
    .select(['d.proof', 'd.checked_at', 'd.created_at', 't.subdomain', 't.id as tenantId'])
  if (tenant !== undefined) rows = rows.where('t.subdomain', '=', tenant)
  if (name !== undefined) rows = rows.where('d.name', '=', name)
  return rows.orderBy('d.name').orderBy('d.id').execute()
}
