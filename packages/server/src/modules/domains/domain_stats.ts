import { type Kysely, sql } from 'kysely'
import type { KernelTables } from '../../db/tables.ts'

/** A domain that leads to a tenant, for a report. */
export interface ReportedDomain {
  name: string
  /** Of its tenant. */
  subdomain: string
}

/** The domains that lead to a tenant. */
export interface DomainStats {
  live: number
  failing: number
  /** Not checked for the given time. */
  late: number
  /** Do not lead to this installation, as the last check found. */
  away: number
  /** The names of some that fail, and of some that lead elsewhere. */
  failingNames: string[]
  awayNames: string[]
}

const NAMES = 5

/** Counts the domains that lead to a tenant. Through `asIdentity`, which sees no others. */
export async function domainStats(db: Kysely<KernelTables>, hours: number): Promise<DomainStats> {
  const { rows } = await sql<DomainStats>`
    select count(*)::int as live,
      count(*) filter (where state = 'failing')::int as failing,
      count(*) filter (where checked_at < now() - make_interval(hours => ${hours}))::int as late,
      count(*) filter (where not points_here)::int as away,
      coalesce((array_agg(name order by name) filter (where state = 'failing'))[:${sql.lit(NAMES)}], '{}')
        as "failingNames",
      coalesce((array_agg(name order by name) filter (where not points_here))[:${sql.lit(NAMES)}], '{}')
        as "awayNames"
    from tenantry.domains where state in ('verified', 'failing')`.execute(db)
  const [stats] = rows
  if (stats === undefined) throw new Error('the count of the domains returned no row')
  return stats
}

/** The newest domains that lead to a tenant and to this installation. Through `asIdentity`. */
export function newestReachable(
  db: Kysely<KernelTables>,
  limit: number,
): Promise<ReportedDomain[]> {
  return db
    .selectFrom('tenantry.domains as d')
    .innerJoin('tenantry.tenants as t', 't.id', 'd.tenant_id')
    .select(['d.name', 't.subdomain'])
    .where(sql<boolean>`d.state in ('verified', 'failing') and d.points_here`)
    .orderBy('d.verified_at', 'desc')
    .limit(limit)
    .execute()
}
