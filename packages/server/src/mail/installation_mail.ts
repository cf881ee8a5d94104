import type { Kysely } from 'kysely'
import { checkedKind } from '../app/jobs/job.ts'
import {
  type MailTemplate,
  type MailTemplateOptions,
  mailTemplate,
} from '../app/mails/mail_template.ts'
import type { Config } from '../config/config.ts'
import type { KernelTables } from '../db/tables.ts'
import type { KeyRing } from '../lib/keys.ts'

/** A waiting mail that belongs to no tenant. */
export interface WaitingMail {
  id: string
  kind: string
  email: string | null
  locale: string | null
  attempts: number
  /** The sign-up that it belongs to. Null for another mail, and if the sign-up was confirmed or has expired. */
  sign_up_id: string | null
  sign_up_email: string | null
  sign_up_hash: Buffer | null
  /** How long its code is valid, rounded up. */
  sign_up_minutes: number | null
}

/** What `prepare` of such a mail gets as its third argument. */
export interface InstallationMailContext {
  config: Config
  keys: KeyRing
}

/** Recipient and values of one mail. */
interface Prepared<Values extends object> {
  to: { email: string; locale: string | null }
  values: Values
}

interface Options<Values extends object, Key extends string>
  extends MailTemplateOptions<Values, Key> {
  /** Reads as the identity role, without a tenant. Undefined: the mail is not sent. */
  prepare(
    db: Kysely<KernelTables>,
    waiting: WaitingMail,
    kernel: InstallationMailContext,
  ): Promise<Prepared<NoInfer<Values>> | undefined>
}

/** A mail of the installation, in the name of the app. Its kind is a value of installation_mails.kind. */
export interface InstallationMail {
  readonly kind: string
  readonly template: MailTemplate
  // The builder checked the type of the values.
  readonly prepare: (
    db: Kysely<KernelTables>,
    waiting: WaitingMail,
    kernel: InstallationMailContext,
  ) => Promise<Prepared<never> | undefined>
}

/** Declares a mail that belongs to no tenant, in `modules/<noun>/<name>.mail.ts`. */
export function installationMail<Values extends object, Key extends string>(
  kind: string,
  { prepare, ...template }: Options<Values, Key>,
): InstallationMail {
  return Object.freeze({
    kind,
    template: mailTemplate(checkedKind(kind), template),
    prepare: prepare as InstallationMail['prepare'],
  })
}
