import type { z } from 'zod'
import { createMailJob, type MailOptions } from '../mails/create_mail_job.ts'
import type { MailJob } from '../mails/mail_job.ts'
import { checkedKind, type Job } from './job.ts'
import type { JobContext } from './job_context.ts'

interface CommonOptions<Payload extends z.ZodType> {
  /** Ids only: the work reads what it needs when it runs. */
  payload: Payload
  priority?: number
  audit?: string
  timeoutSeconds?: number
}

export interface JobOptions<Payload extends z.ZodType, Database> extends CommonOptions<Payload> {
  /** The work. It and the end of the job are one transaction. At most 25 seconds; the default is 20. */
  run(ctx: JobContext<Database>, payload: z.output<Payload>): Promise<void>
}

export interface EffectOptions<Payload extends z.ZodType, Input, Result, Database>
  extends CommonOptions<Payload> {
  /** Reads what `act` needs, in one transaction. If it returns undefined, there is nothing to do. */
  prepare(ctx: JobContext<Database>, payload: z.output<Payload>): Promise<Input | undefined>
  /**
   * Works outside of the database, without a transaction. It must be safe to repeat: it runs again if it
   * fails, or if its worker ends before `done` commits. At most 600 seconds; the default is 60.
   */
  act(input: Input, signal: AbortSignal): Promise<Result>
  /** Stores the result, in the transaction that ends the job. */
  done?(ctx: JobContext<Database>, payload: z.output<Payload>, result: Result): Promise<void>
}

/** The builders of jobs, typed by the app's tables (see Policy.jobs). */
export interface Jobs<Database> {
  /** Declares a job whose effects are in the database: they happen exactly once. */
  job<Payload extends z.ZodType>(kind: string, options: JobOptions<Payload, Database>): Job<Payload>
  /** Declares a job whose effects are outside of the database: they happen at least once. */
  effect<Payload extends z.ZodType, Input, Result>(
    kind: string,
    options: EffectOptions<Payload, Input, Result, Database>,
  ): Job<Payload>
  /** Declares a mail, which a job sends at least once. List it in `mails` of defineApp. */
  mail<Payload extends z.ZodType, Values extends object, Key extends string>(
    kind: string,
    options: MailOptions<Payload, Values, Key, Database>,
  ): MailJob<Payload>
}

// PostgreSQL ends a transaction of the app role after 30 s.
const RUN_SECONDS = { standard: 20, most: 25 }
const ACT_SECONDS = { standard: 60, most: 600 }

export function createJobs<Database>(): Jobs<Database> {
  return {
    job: (kind, { run, ...options }) => declare(kind, options, { run }, RUN_SECONDS),
    effect: (kind, { prepare, act, done, ...options }) =>
      declare(kind, options, { effect: { prepare, act, done } }, ACT_SECONDS),
    mail: createMailJob,
  }
}

function declare<Payload extends z.ZodType>(
  kind: string,
  { payload, priority = 0, audit, timeoutSeconds }: CommonOptions<Payload>,
  work: Omit<Job['work'], 'timeoutMs'>,
  { standard, most }: typeof RUN_SECONDS,
): Job<Payload> {
  checkedKind(kind)
  const seconds = timeoutSeconds ?? standard
  if (!(seconds > 0 && seconds <= most)) {
    throw new Error(`job "${kind}": timeoutSeconds must be above 0 and at most ${most}`)
  }
  return Object.freeze({
    kind,
    payload,
    priority,
    ...(audit === undefined ? {} : { audit }),
    work: Object.freeze({ ...work, timeoutMs: seconds * 1_000 }),
  })
}
