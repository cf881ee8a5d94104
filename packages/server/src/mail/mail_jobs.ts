import { createJobs } from '../app/jobs/create_jobs.ts'
import type { Job } from '../app/jobs/job.ts'
import type { JobContext } from '../app/jobs/job_context.ts'
import type { MailJob, PreparedMail } from '../app/mails/mail_job.ts'
import type { Config } from '../config/config.ts'
import type { KernelTables } from '../db/tables.ts'
import type { Database } from '../db/tenancy.ts'
import type { KeyRing } from '../lib/keys.ts'
import type { AttemptLimiter } from '../limits/attempt_limiter.ts'
import type { KernelMailContext } from './kernel_mail.ts'
import type { Mail } from './mail.ts'
import type { OutgoingMail } from './outgoing_mail.ts'
import { type WriterDeps, writeMail } from './write_mail.ts'

export interface MailJobDeps extends WriterDeps {
  attemptLimiter: AttemptLimiter
  config: Config
  database: Pick<Database, 'asIdentity'>
  keys: KeyRing
  mail: Mail
}

const { effect } = createJobs<KernelTables>()

/** The jobs that send mails, for the worker. */
export function mailJobs(mails: readonly MailJob[], deps: MailJobDeps): Job[] {
  return mails.map((mail) =>
    effect(mail.kind, {
      payload: mail.payload,
      priority: mail.priority,
      prepare: (ctx, payload) => outgoing(deps, mail, ctx, payload),
      async act(content, signal) {
        await deps.mail.send(content, signal)
      },
      done: async (ctx, payload) => {
        await mail.sent?.(ctx as never, payload as never, kernelOf(deps, ctx) as never)
      },
    }),
  )
}

async function outgoing(
  deps: MailJobDeps,
  { prepare, template }: MailJob,
  ctx: JobContext<KernelTables>,
  payload: unknown,
): Promise<OutgoingMail | undefined> {
  // The payload was parsed by the schema of the mail, whose type a list of mails no longer has.
  const prepared = await prepare(ctx as never, payload as never, kernelOf(deps, ctx) as never)
  if (prepared === undefined) return undefined
  // The builder of the mail checked the types.
  const content = await writeMail(deps, ctx, template, prepared as PreparedMail<never>)
  return content && { id: ctx.job.id, ...content }
}

function kernelOf(
  { attemptLimiter, config, database, keys }: MailJobDeps,
  ctx: JobContext<KernelTables>,
): KernelMailContext {
  return { attemptLimiter, config, keys, asIdentity: (work) => database.asIdentity(ctx, work) }
}
