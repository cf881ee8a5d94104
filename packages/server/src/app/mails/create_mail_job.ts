import type { z } from 'zod'
import { checkedKind } from '../jobs/job.ts'
import type { JobContext } from '../jobs/job_context.ts'
import type { MailJob, PreparedMail } from './mail_job.ts'
import { type MailTemplateOptions, mailTemplate } from './mail_template.ts'

/** The options of `mail`. `Kernel` is what only the kernel's own mails get. */
export interface MailOptions<
  Payload extends z.ZodType,
  Values extends object,
  Key extends string,
  Database,
  Kernel = unknown,
> extends MailTemplateOptions<Values, Key> {
  /** Ids only: the values are read when the mail is sent. */
  payload: Payload
  /** A job with a smaller number runs before other jobs of its tenant. The default is 0. */
  priority?: number
  /**
   * Reads recipient and values, in one transaction, just before the mail is sent and again before each
   * repetition. Undefined: the mail has become pointless and is not sent.
   */
  prepare(
    ctx: JobContext<Database>,
    payload: z.output<Payload>,
    kernel: Kernel,
  ): Promise<PreparedMail<NoInfer<Values>> | undefined>
}

/** Declares a mail that is sent by a background job. `ctx.enqueue` takes it as it takes a job. */
export function createMailJob<
  Payload extends z.ZodType,
  Values extends object,
  Key extends string,
  Database,
  Kernel,
>(kind: string, options: MailOptions<Payload, Values, Key, Database, Kernel>): MailJob<Payload> {
  const { payload, priority = 0, prepare, sample, texts, content } = options
  const template = mailTemplate(checkedKind(kind), { sample, texts, content })
  return Object.freeze({ kind, payload, priority, template, prepare })
}
