import type { Kysely } from 'kysely'
import type { z } from 'zod'
import type { JobContext } from '../app/jobs/job_context.ts'
import { createMailJob, type MailOptions } from '../app/mails/create_mail_job.ts'
import type { MailJob } from '../app/mails/mail_job.ts'
import type { Config } from '../config/config.ts'
import type { KernelTables } from '../db/tables.ts'
import type { KeyRing } from '../lib/keys.ts'
import type { AttemptLimiter } from '../limits/attempt_limiter.ts'

/** What `prepare` of a kernel mail gets as its third argument. */
export interface KernelMailContext {
  config: Config
  keys: KeyRing
  attemptLimiter: AttemptLimiter
  /** Reads as the identity role, in the tenant of the job: secrets and their users. */
  asIdentity<T>(work: (db: Kysely<KernelTables>) => Promise<T>): Promise<T>
}

/**
 * Declares a mail of the kernel, in `modules/<noun>/<name>.mail.ts`. Add it to the list in
 * runtime/mails/all_mails.ts. To send it, add its job in the transaction of the act that it reports:
 *
 *     await enqueue(passwordChanged, { user_id })          // ctx.enqueue, or the argument of ctx.asPerson
 *     await enqueueJob({ db, requestId: ctx.request.id }, passwordChanged, { user_id })
 *     deps.jobs.notify()                                   // after COMMIT, only with enqueueJob
 *
 * No secret may be in the payload: derive it, see mailed_secret.ts.
 */
export function kernelMail<Payload extends z.ZodType, Values extends object, Key extends string>(
  kind: string,
  { sent, ...options }: KernelMailOptions<Payload, Values, Key>,
): MailJob<Payload> {
  return Object.freeze({ ...createMailJob(kind, options), ...(sent && { sent }) })
}

interface KernelMailOptions<Payload extends z.ZodType, Values extends object, Key extends string>
  extends MailOptions<Payload, Values, Key, KernelTables, KernelMailContext> {
  /** Runs when a mail server has accepted the mail, in the transaction that ends the job. */
  sent?(
    ctx: JobContext<KernelTables>,
    payload: z.output<Payload>,
    kernel: KernelMailContext,
  ): Promise<void>
}
