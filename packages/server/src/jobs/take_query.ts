import { sql } from 'kysely'
import { compiledQuery } from '../db/compiled_query.ts'

/** What the first statement of a job's transaction returns. */
export interface TakenRow {
  actor_id: string | null
  request_id: string
  id: string
  name: string
  subdomain: string
  realm_id: string
  status: 'active' | 'suspended' | 'deleting'
  rate: number | null
  concurrency: number | null
  branding: unknown
  primary_domain: string | null
}

type Held = { id: string; lease: string }

const tenantColumns = [
  't.id',
  't.name',
  't.subdomain',
  't.status',
  't.realm_id',
  't.rate',
  't.concurrency',
  't.branding',
] as const

// The tenant of the job is the only one in scope. A condition on the state would let PostgreSQL read the index by name.
const primaryDomain = sql<string | null>`case when d.state = 'verified' then d.name end`.as(
  'primary_domain',
)

/** Deletes the row of the job, under this worker's lease, and reads its tenant: the only one in scope. */
export const takeQuery = compiledQuery((db, { id, lease }: Held) =>
  db
    .with('job', (it) =>
      it
        .deleteFrom('tenantry.jobs')
        .where('id', '=', id)
        .where('lease', '=', lease)
        .returning(['actor_id', 'request_id']),
    )
    .selectFrom('job')
    .innerJoin('tenantry.tenants as t', (on) => on.onTrue())
    .leftJoin('tenantry.domains as d', (on) => on.on('d.is_primary', '=', true))
    .select(['job.actor_id', 'job.request_id', ...tenantColumns, primaryDomain]),
)

/** The same, but the row stays: its work is not done yet. */
export const lookQuery = compiledQuery((db, { id, lease }: Held) =>
  db
    .selectFrom('tenantry.jobs as job')
    .innerJoin('tenantry.tenants as t', (on) => on.onTrue())
    .leftJoin('tenantry.domains as d', (on) => on.on('d.is_primary', '=', true))
    .select(['job.actor_id', 'job.request_id', ...tenantColumns, primaryDomain])
    .where('job.id', '=', id)
    .where('job.lease', '=', lease),
)
