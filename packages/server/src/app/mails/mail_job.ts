import type { z } from 'zod'
import type { JobKind } from '../jobs/job.ts'
import type { MailTemplate } from './mail_template.ts'

/**
 * Who gets a mail: an active member of the tenant, or an address. Without a `locale` the mail is in the
 * language of the tenant.
 */
export type MailRecipient = { user_id: string } | { email: string; locale?: string | null }

/** The recipient and the values of one mail. */
export interface PreparedMail<Values extends object> {
  to: MailRecipient
  values: Values
}

/** A mail that is sent by a background job: pass it to `ctx.enqueue` with its payload. */
export interface MailJob<Payload extends z.ZodType = z.ZodType> extends JobKind<Payload> {
  readonly template: MailTemplate
  // The builders checked the types, which a stored job no longer has.
  readonly prepare: (ctx: never, payload: never, kernel: never) => Promise<unknown>
  /** What follows when it was sent. The kernel's mails only have it. */
  readonly sent?: (ctx: never, payload: never, kernel: never) => Promise<void>
}
