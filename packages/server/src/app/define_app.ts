import type { ConstraintMeanings } from './constraints.ts'
import type { Demo } from './demo.ts'
import type { Job } from './jobs/job.ts'
import type { Schedule } from './jobs/schedule.ts'
import type { MailJob } from './mails/mail_job.ts'
import type { MailTexts } from './mails/mail_template.ts'
import type { Policy } from './policy.ts'
import type { Route } from './route.ts'

/** An app: everything that it adds to the kernel. */
export interface App {
  /** Shown in the banner, the API's description and mails. */
  name: string
  /** The version of its API, for the OpenAPI document. The default is 1.0.0. */
  version?: string
  policy: Policy
  routes: readonly Route[]
  /** The folder of its SQL migrations: `new URL('../migrations', import.meta.url)`. */
  migrations: URL
  /** The kinds of its background jobs. A worker runs no other ones. */
  jobs?: readonly Job[]
  /**
   * The job that makes the first rows of a new tenant, after a sign-up and `tenantry tenant create`. It is added in
   * the transaction that creates the tenant, with the payload `{}`, and needs no place in `jobs`.
   */
  tenantCreated?: Job
  /** Its mails. A worker sends no other ones, but the kernel's own. */
  mails?: readonly MailJob[]
  /**
   * Texts that replace or translate those of mails, the kernel's too: by name of the mail, by language, by
   * key, such as `{ 'password_resets.mail': { fr: { subject: '...' } } }`. A language of which a mail has not
   * every text is not used for it. The page /dev/mails shows names and languages.
   */
  mailTexts?: Readonly<Record<string, MailTexts>>
  /**
   * Subdomains that no new tenant gets, in addition to the kernel's, such as `['shop']`. What looks like one of
   * them is reserved too.
   */
  reservedSubdomains?: readonly string[]
  /** When jobs run in each tenant. */
  schedules?: readonly Schedule[]
  /** What a violated constraint means to a client, by constraint name. */
  constraints?: ConstraintMeanings
  /**
   * Tables that the server may use without forced row-level security, by name, each with its reason. The
   * server does not start in production while it can reach any other such table.
   */
  unprotectedTables?: Readonly<Record<string, string>>
  /**
   * What the catalog rules find and this app means, each with its reason. The key is the finding up to its
   * colon: `'L8 countries_code_key'`, or `'L23 news (readers for select) using (is_public)'`.
   */
  catalogExceptions?: Readonly<Record<string, string>>
  /** The data that fills an empty development database. */
  demo?: Demo
}

/** Declares an app. It only returns its argument, with the type checked; the CLI starts the app. */
export function defineApp(app: App): App {
  return app
}
