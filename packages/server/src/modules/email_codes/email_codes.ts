import { createHmac } from 'node:crypto'
import type { PublicContext } from '../../app/context.ts'
import { recordAudit } from '../../audit/audit_log.ts'
import type { Config } from '../../config/config.ts'
import type { Database } from '../../db/tenancy.ts'
import { enqueueJob, type JobSignal } from '../../jobs/enqueue.ts'
import { unprocessable } from '../../lib/errors.ts'
import { newId } from '../../lib/ids.ts'
import { hashSecret, type KeyRing, type Keys } from '../../lib/keys.ts'
import type { AttemptLimit, AttemptLimiter } from '../../limits/attempt_limiter.ts'
import { mailedCode, mailedSecret } from '../../mail/mailed_secret.ts'
import { lockUser, replaceSecret, useCode } from '../single_use_secrets/single_use_secrets.ts'
import { type ProvenUser, verifyAddress } from '../users/users.ts'
import { emailCodeMail } from './email_code.mail.ts'

/** What codes need. */
export interface CodeDeps {
  attemptLimiter: AttemptLimiter
  config: Pick<Config, 'EMAIL_CODE_MINUTES'>
  database: Database
  jobs: JobSignal
  keys: KeyRing
}

const KIND = 'email_verification'
const HOUR_SECONDS = 3_600

/**
 * Mails a code to the address of a person who has just proven the password, and voids earlier ones. It is a code and no
 * link: the person who opens a link may not be the one who chose the password, but a code is typed where the
 * password was. Above five mails in an hour it sends none.
 */
export async function mailCode(
  deps: CodeDeps,
  { tenant, request, deadline }: PublicContext,
  { id }: ProvenUser,
): Promise<void> {
  const { config, keys } = deps
  if ((await deps.attemptLimiter.tryReserve([mailLimit(id)])) === undefined) return
  const secret_id = newId()
  const token = mailedSecret(keys, secret_id)
  const code_mac = macOf(keys.current, hashSecret(token), mailedCode(token))
  await deps.database.asIdentity({ tenant, deadline }, async (db) => {
    await lockUser(db, id)
    const minutes = config.EMAIL_CODE_MINUTES
    const secret = { kind: KIND, channel: 'mail', origin: tenant.issuer, userId: id } as const
    await replaceSecret(db, { ...secret, token, minutes, code_mac })
    const about = { entity: 'users', entity_id: id, actor_id: id }
    await recordAudit(db, request, { action: 'users.email_verify_request', ...about })
    await enqueueJob({ db, requestId: request.id }, emailCodeMail, { secret_id, user_id: id })
  })
  deps.jobs.notify()
}

/**
 * Verifies the address of a person who has just proven the password. Throws 422 for the code: wrong, used, expired or
 * none at all; 429 after ten wrong ones in a day, however many mails were sent.
 */
export async function verifyByCode(
  { attemptLimiter, database, keys }: CodeDeps,
  { tenant, request, deadline }: PublicContext,
  user: ProvenUser,
  given: string,
): Promise<void> {
  const attempt = await attemptLimiter.reserve(deadline, [codeLimit(user.id)])
  const code = given.replaceAll(/[\s-]/g, '')
  // A wrong code has to commit: it counts.
  const email = await database.asIdentity({ tenant, deadline }, async (db) => {
    const used = await useCode(db, KIND, user.id, (hash) =>
      keys.accepted.map((it) => macOf(it, hash, code)),
    )
    if (used === undefined || used.credentials_epoch !== user.credentials_epoch) return undefined
    const about = { entity: 'users', entity_id: user.id, actor_id: user.id }
    await recordAudit(db, request, { action: 'users.email_verify', ...about })
    return verifyAddress(db, used, true)
  })
  if (email === undefined) {
    throw unprocessable([{ pointer: '/email_code', message: 'is wrong or has expired' }])
  }
  await attempt.refund()
}

// Keyed: six digits could be guessed from a plain hash.
function macOf(keys: Keys, hash: Buffer, code: string): Buffer {
  return createHmac('sha256', keys.key('code')).update(hash).update(code).digest()
}

function mailLimit(userId: string): AttemptLimit {
  return { name: 'code mail', subject: [userId], limit: 5, windowSeconds: HOUR_SECONDS }
}

function codeLimit(userId: string): AttemptLimit {
  return { name: 'code', subject: [userId], limit: 10, windowSeconds: 24 * HOUR_SECONDS }
}
