import { sql } from 'kysely'
import type { WorkerDatabase } from '../../db/tenancy.ts'
import type { Check } from './check.ts'

// A worker takes a job within a second, and a busy one within minutes.
const LATE_MINUTES = 15

/** Checks whether jobs wait for a platform admin, or for a worker. */
export async function checkJobs(worker: WorkerDatabase | undefined): Promise<Check[]> {
  const check = (state: Check['state'], detail: string): Check => ({ name: 'jobs', state, detail })
  if (worker === undefined) return [check('ok', 'not checked: DB_JOBS_URL is not set')]
  const { parked, late } = await worker.asWorker(async (db) => {
    const { rows } = await sql<{ parked: number; late: number }>`
      select count(*) filter (where state = 'parked')::int as parked,
        count(*) filter (where state <> 'parked')::int as late
      from tenantry.jobs
      where state = 'parked'
        or (state = 'ready' and run_at < now() - make_interval(mins => ${LATE_MINUTES}))`.execute(
      db,
    )
    return rows[0] ?? { parked: 0, late: 0 }
  })
  const faults = [
    ...(parked > 0
      ? [check('warn', `${parked} parked: see \`tenantry jobs list --state parked\``)]
      : []),
    ...(late > 0
      ? [check('warn', `${late} ready for ${LATE_MINUTES} minutes: does a worker run?`)]
      : []),
  ]
  return faults.length > 0 ? faults : [check('ok', 'none is parked, none is late')]
}
