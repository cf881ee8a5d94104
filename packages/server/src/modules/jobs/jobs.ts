import { type Kysely, sql } from 'kysely'
import type { KernelTables } from '../../db/tables.ts'

export const jobStates = ['ready', 'later', 'held', 'running', 'parked'] as const

/** Which jobs a platform admin means. */
export interface JobFilter {
  /** The id of a tenant. */
  tenant?: string | undefined
  kind?: string | undefined
  state?: (typeof jobStates)[number] | undefined
}

type Db = Kysely<KernelTables>

/** The jobs that match, oldest first. Runs in `acrossTenants` only. */
export function listJobs(db: Db, filter: JobFilter, limit: number) {
  return matching(db, filter)
    .select([
      'j.id',
      't.subdomain',
      'j.kind',
      'j.state',
      'j.reason',
      'j.attempts',
      'j.run_at',
      'j.last_error',
    ])
    .orderBy('j.id')
    .limit(limit)
    .execute()
}

/** One job with everything that is known of it. Runs in `acrossTenants` only. */
export function findJob(db: Db, id: string) {
  return matching(db, {})
    .selectAll('j')
    .select('t.subdomain')
    .where('j.id', '=', id)
    .executeTakeFirst()
}

/** The number of jobs and the oldest run_at, by kind and state. Runs in `acrossTenants` only. */
export function jobStats(db: Db, filter: JobFilter) {
  return matching(db, filter)
    .select(['j.kind', 'j.state', sql<number>`count(*)::int`.as('count')])
    .select(sql<string>`min(j.run_at)`.as('oldest_run_at'))
    .groupBy(['j.kind', 'j.state'])
    .orderBy('j.kind')
    .orderBy('j.state')
    .execute()
}

/** A job that was changed, for the audit log of its tenant. */
export interface ChangedJob {
  tenant_id: string
  id: string
  kind: string
}

/**
 * Makes parked and postponed jobs ready, with all attempts anew. A job that runs is left alone. Runs in
 * `acrossTenants` only.
 */
export async function retryJobs(db: Db, ids: readonly string[]): Promise<ChangedJob[]> {
  const { rows } = await sql<ChangedJob>`
    update tenantry.jobs set state = 'ready', reason = null, attempts = 0, lost_leases = 0,
      run_at = now(), due_at = now(),
      key = case when state = 'parked' then tenantry.free_job_key(tenant_id, kind, key) else key end
    where id = any(${ids}::uuid[]) and state in ('parked', 'later')
    returning tenant_id, id, kind`.execute(db)
  return rows
}

/** Deletes jobs that do not run. Runs in `acrossTenants` only. */
export async function dropJobs(db: Db, ids: readonly string[]): Promise<ChangedJob[]> {
  return db
    .deleteFrom('tenantry.jobs')
    .where('id', '=', sql<string>`any(${ids}::uuid[])`)
    .where('state', '<>', 'running')
    .returning(['tenant_id', 'id', 'kind'])
    .execute()
}

/** The ids of the jobs that match, oldest first. Runs in `acrossTenants` only. */
export async function jobIds(db: Db, filter: JobFilter, limit: number): Promise<string[]> {
  const rows = await matching(db, filter).select('j.id').orderBy('j.id').limit(limit).execute()
  return rows.map((it) => it.id)
}

function matching(db: Db, { tenant, kind, state }: JobFilter) {
  return db
    .selectFrom('tenantry.jobs as j')
    .innerJoin('tenantry.tenants as t', 't.id', 'j.tenant_id')
    .$if(tenant !== undefined, (it) => it.where('j.tenant_id', '=', tenant ?? ''))
    .$if(kind !== undefined, (it) => it.where('j.kind', '=', kind ?? ''))
    .$if(state !== undefined, (it) => it.where('j.state', '=', state ?? 'parked'))
}
