import type { Logger } from 'pino'
import { loadMember } from '../../access/load_actor.ts'
import type { App } from '../../app/define_app.ts'
import type { Job } from '../../app/jobs/job.ts'
import type { Schedule } from '../../app/jobs/schedule.ts'
import type { Config } from '../../config/config.ts'
import type { WorkerDatabase } from '../../db/tenancy.ts'
import type { JobSignal } from '../../jobs/enqueue.ts'
import type { KernelJob } from '../../jobs/kernel_job.ts'
import { createWorker, type Worker } from '../../jobs/worker.ts'
import { OperatorError } from '../../lib/operator_error.ts'
import { tenantOf } from '../../tenancy/find_tenant.ts'

export interface WorkerParts {
  app: App
  config: Config
  log: Logger
  database: WorkerDatabase
  signal: JobSignal
  /** The only tenants whose jobs it runs. Undefined: all. */
  tenants?: (() => readonly string[]) | undefined
}

/** The worker of an app: for its own jobs and the kernel's. */
export function createAppWorker(parts: WorkerParts, kernelJobs: readonly KernelJob[]): Worker {
  const { app, config, log, database, signal, tenants } = parts
  const jobs = jobsByKind([...kernelJobs, ...jobsOf(app)])
  return createWorker({
    database,
    jobs,
    signal,
    log,
    tenants,
    schedules: checkedSchedules(app.schedules ?? [], jobs),
    concurrency: config.WORKER_CONCURRENCY,
    tenantConcurrency: config.WORKER_TENANT_CONCURRENCY,
    retryDays: config.JOB_RETRY_DAYS,
    readsStats: config.METRICS_PORT !== undefined,
    tenantOf: (row) => tenantOf(row, config.PUBLIC_ORIGIN),
    loadMember: (db, userId, jobId) => loadMember(db, app.policy, userId, jobId),
  })
}

function jobsOf({ jobs = [], tenantCreated: first }: App): readonly Job[] {
  if (first === undefined) return jobs
  if (!first.payload.safeParse({}).success) {
    throw new OperatorError(`tenantCreated: the payload of "${first.kind}" must accept {}`)
  }
  return jobs.includes(first) ? jobs : [...jobs, first]
}

function jobsByKind(jobs: readonly KernelJob[]): ReadonlyMap<string, KernelJob> {
  const byKind = new Map<string, KernelJob>()
  for (const job of jobs) {
    if (byKind.has(job.kind))
      throw new OperatorError(`two jobs have the kind "${job.kind}": rename one`)
    byKind.set(job.kind, job)
  }
  return byKind
}

// A schedule of a job that no worker knows would fill the queue.
function checkedSchedules(
  schedules: readonly Schedule[],
  jobs: ReadonlyMap<string, Job>,
): readonly Schedule[] {
  const names = new Set<string>()
  for (const { name, each } of schedules) {
    if (jobs.get(each.job.kind) !== each.job) {
      throw new OperatorError(`schedule "${name}": add its job to \`jobs\` of defineApp`)
    }
    if (names.has(name)) throw new OperatorError(`two schedules have the name "${name}": name one`)
    names.add(name)
  }
  return schedules
}
