import { assertGlobalScope } from '../../access/realm.ts'
import type { BaseContext } from '../../app/context.ts'
import type { Config } from '../../config/config.ts'
import type { Database } from '../../db/tenancy.ts'
import type { JobSignal } from '../../jobs/enqueue.ts'
import { emailKey } from '../../lib/email_address.ts'
import type { KeyRing } from '../../lib/keys.ts'
import type { AttemptLimiter } from '../../limits/attempt_limiter.ts'
import { clientLimits, takeMail } from '../../limits/mail_limits.ts'
import { addInstallationMail } from '../../mail/installation_mails.ts'
import { tenantReminderMail } from './tenant_reminder.mail.ts'

/** What a reminder needs. */
export interface ReminderDeps {
  attemptLimiter: AttemptLimiter
  config: Config
  database: Database
  jobs: JobSignal
  keys: KeyRing
}

/**
 * Mails a person the tenants of their account. The answer and its time do not depend on whether there is one: only
 * the job of the mail looks. Above the limit of an address no mail leaves, and the answer is the same. Throws 404 where
 * each tenant has accounts of its own, and 429.
 */
export async function requestReminder(
  { attemptLimiter, config, database, jobs, keys }: ReminderDeps,
  { request, deadline }: BaseContext,
  { email, locale }: { email: string; locale?: string | undefined },
): Promise<void> {
  assertGlobalScope(config)
  const key = emailKey(email) ?? ''
  const about = { name: 'reminder', mailbox: key, address: request.address }
  await attemptLimiter.reserve(deadline, clientLimits(about, config.RESET_LIMIT_ADDRESS))
  if ((await takeMail(attemptLimiter, about)) === undefined) return
  const mail = { email: key, locale: locale ?? null, keyId: keys.current.kid }
  await addInstallationMail(database, deadline, { kind: tenantReminderMail.kind, ...mail })
  jobs.notify()
}
