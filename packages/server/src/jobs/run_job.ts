import type { Kysely } from 'kysely'
import type { Actor, Tenant } from '../app/context.ts'
import type { EffectSteps } from '../app/jobs/job.ts'
import type { KernelTables } from '../db/tables.ts'
import type { Database, RequestTransaction } from '../db/tenancy.ts'
import { Deadline } from '../lib/deadline.ts'
import type { JobSignal } from './enqueue.ts'
import { LeaseLost, Misfit, TenantInactive } from './failure.ts'
import type { Interruption } from './interruption.ts'
import { RunningJobContext } from './job_context.ts'
import type { KernelJob } from './kernel_job.ts'
import type { ClaimedJob } from './queue.ts'
import { lookQuery, type TakenRow, takeQuery } from './take_query.ts'

/** What the run of a job needs. */
export interface RunDeps {
  database: Database
  /** By kind. */
  jobs: ReadonlyMap<string, KernelJob>
  signal: JobSignal
  /** Makes the tenant of a context from its row. */
  tenantOf(row: TakenRow): Tenant
  /** A member with the permissions of today; undefined if it is not active. */
  loadMember(db: Kysely<KernelTables>, userId: string, jobId: string): Promise<Actor | undefined>
}

/** A job with its declaration and its valid payload. */
interface Run {
  deps: RunDeps
  claimed: ClaimedJob
  job: KernelJob
  payload: never
  interruption: Interruption
}

const DATABASE_WAIT_MS = 5_000
const STEP_MS = 20_000
const INTERRUPTED = 'it was interrupted'

/**
 * Runs a job that this worker has taken. When it resolves, the effects and the end of the job are
 * committed. When it throws, the work in the database was rolled back, and the job is still there.
 */
export async function runJob(deps: RunDeps, claimed: ClaimedJob, interruption: Interruption) {
  const job = deps.jobs.get(claimed.kind)
  if (job === undefined) {
    throw new Misfit('kind_unknown', `no job of the kind "${claimed.kind}" is declared here`)
  }
  const parsed = job.payload.safeParse(claimed.payload)
  if (!parsed.success) {
    throw new Misfit('payload_invalid', `the payload does not fit: ${parsed.error.message}`)
  }
  const run: Run = { deps, claimed, job, payload: parsed.data as never, interruption }
  const { effect } = job.work
  await (effect === undefined ? runInTransaction(run) : runEffect(run, effect))
}

function runInTransaction(run: Run): Promise<void> {
  const { run: work, timeoutMs } = run.job.work
  return inTransaction(run, 'take', async (ctx) => {
    await withinTime(timeoutMs, run.interruption, () => work?.(ctx as never, run.payload))
    await ctx.writeAudit()
  })
}

async function runEffect(run: Run, { prepare, act, done }: EffectSteps): Promise<void> {
  const { interruption, payload } = run
  const input = await inTransaction(run, 'look', async (ctx) => {
    const prepared = await withinTime(STEP_MS, interruption, () => prepare(ctx as never, payload))
    if (prepared === undefined) await ctx.end()
    return prepared
  })
  if (input === undefined) return
  const result = await withinTime(run.job.work.timeoutMs, interruption, (ending) =>
    act(input as never, ending.signal),
  )
  await inTransaction(run, 'take', async (ctx) => {
    await withinTime(STEP_MS, interruption, () => done?.(ctx as never, payload, result as never))
    await ctx.writeAudit()
  })
}

/**
 * Opens a transaction in the scope of the job's tenant. Its first statement deletes the row of the job, or
 * only looks at it: both fail if this worker has lost its lease.
 */
function inTransaction<T>(
  run: Run,
  first: 'take' | 'look',
  work: (ctx: RunningJobContext) => Promise<T>,
): Promise<T> {
  const { deps, claimed } = run
  const deadline = new Deadline(DATABASE_WAIT_MS)
  const scope = { tenant: { id: claimed.tenant_id }, deadline }
  return deps.database.write(scope, async (transaction) => {
    const row = await rowOf(transaction, run, first)
    const tenant = deps.tenantOf(row)
    const { actor_id } = row
    const actor =
      actor_id === null ? undefined : await deps.loadMember(transaction.db, actor_id, claimed.id)
    const { job } = run
    const parts = { deps, job, claimed, row, tenant, actor, deadline, transaction }
    return work(new RunningJobContext(parts))
  })
}

async function rowOf(
  { db }: RequestTransaction,
  { claimed: { id, lease }, job }: Run,
  first: 'take' | 'look',
): Promise<TakenRow> {
  const query = first === 'take' ? takeQuery : lookQuery
  const { rows } = await db.executeQuery(query(db, { id, lease }))
  const [row] = rows
  if (row === undefined) throw new LeaseLost('another worker may have this job')
  const mayRun = row.status === 'active' || (row.status === 'suspended' && job.isForSuspended)
  if (!mayRun) throw new TenantInactive(`the tenant is ${row.status}`)
  return row
}

/** Throws if the work takes too long or is interrupted. JavaScript cannot end the work itself. */
async function withinTime<T>(
  ms: number,
  interruption: Interruption,
  work: (ending: AbortController) => T,
): Promise<Awaited<T>> {
  if (interruption.isInterrupted) throw new Error(INTERRUPTED)
  const ending = new AbortController()
  let end = (_: string) => {}
  const ended = new Promise<never>((_, reject) => {
    end = (text) => {
      const error = new Error(text)
      ending.abort(error)
      reject(error)
    }
  })
  interruption.onInterrupt = () => end(INTERRUPTED)
  const timer = setTimeout(() => end(`it did not end within ${ms / 1_000} s`), ms).unref()
  try {
    return await Promise.race([work(ending), ended])
  } finally {
    clearTimeout(timer)
    interruption.onInterrupt = () => {}
  }
}
