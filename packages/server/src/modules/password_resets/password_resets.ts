import type { Kysely } from 'kysely'
import { assertAcceptsCredentials } from '../../access/installation_origin.ts'
import { assertAcceptablePassword } from '../../access/password_rules.ts'
import type { Passwords } from '../../access/passwords.ts'
import {
  accountLimits,
  resetMailLimit,
  resetRequestLimit,
  trustedAddress,
} from '../../access/sign_in_limits.ts'
import type { PublicContext, RequestInfo } from '../../app/context.ts'
import { recordAudit } from '../../audit/audit_log.ts'
import type { Config } from '../../config/config.ts'
import type { KernelTables } from '../../db/tables.ts'
import type { Database } from '../../db/tenancy.ts'
import type { Background } from '../../jobs/background.ts'
import { enqueueJob, type JobSignal } from '../../jobs/enqueue.ts'
import { emailKey } from '../../lib/email_address.ts'
import { unprocessable } from '../../lib/errors.ts'
import { hashSecret, type KeyRing } from '../../lib/keys.ts'
import type { AttemptLimiter } from '../../limits/attempt_limiter.ts'
import {
  invalidToken,
  lockUserOf,
  secretWorks,
  useSecret,
} from '../single_use_secrets/single_use_secrets.ts'
import { passwordChanged } from '../users/password_changed.mail.ts'
import { changePassword } from '../users/users.ts'
import { mailResetLink } from './reset_links.ts'

/** What a reset needs. Jobs send its mails; no reply waits for them. */
export interface ResetDeps {
  background: Background
  config: Config
  database: Database
  jobs: JobSignal
  keys: KeyRing
  passwords: Passwords
  attemptLimiter: AttemptLimiter
}

/**
 * Starts a reset. The reply does not depend on whether the user exists or on how many resets were
 * requested, and neither does its time: it waits for no look-up. The token is sent by mail only.
 * Throws 403 on a custom domain, 422 for a malformed e-mail, 429 for too many requests from the client's address.
 */
export async function requestReset(deps: ResetDeps, ctx: PublicContext, email: string) {
  assertAcceptsCredentials(ctx.tenant)
  const key = emailKey(email)
  if (key === undefined) {
    throw unprocessable([{ pointer: '/email', message: 'must be an e-mail address' }])
  }
  deps.background.assertRoom()
  await deps.attemptLimiter.reserve(ctx.deadline, [resetRequestLimit(deps.config, ctx)])
  deps.background.run('password reset', () => sendResetMail(deps, ctx, key))
}

/**
 * Sets a new password with a reset token, which works once, until it expires, and on the tenant where
 * it was requested. Ends every session of the user in every tenant. Throws 403 on a custom domain, 400
 * for the token, 422 for the password.
 */
export async function resetPassword(
  deps: ResetDeps,
  ctx: PublicContext,
  token: string,
  password: string,
): Promise<void> {
  assertAcceptsCredentials(ctx.tenant)
  const hash = hashSecret(token)
  const holder = await deps.database.asIdentity(ctx, (db) => findHolder(db, hash))
  if (holder === undefined) throw invalidToken()
  const { name: tenantName, subdomain } = ctx.tenant
  assertAcceptablePassword(password, { ...holder, tenantName, subdomain })
  const password_hash = await deps.passwords.hash(password)
  const changed = await deps.database.asIdentity(ctx, (db) =>
    consume(db, ctx.request, hash, password_hash),
  )
  if (!changed) throw invalidToken()
  deps.jobs.notify()
  deps.background.run('unlock', () => unlock(deps, ctx, holder.email_key))
}

// A user who was locked out by an attacker's guesses can sign in again after a reset by mail. From now
// on the user's address is trusted, so continued guessing from elsewhere cannot lock the user out.
async function unlock({ config, attemptLimiter }: ResetDeps, ctx: PublicContext, key: string) {
  await attemptLimiter.reset([...accountLimits(config, ctx, key), resetMailLimit(config, ctx, key)])
  await attemptLimiter.remember(trustedAddress(ctx, key))
}

// Above the limit no mail is sent and no working link is replaced: a user whose limit an attacker has
// exhausted still has a working link in the mailbox. An address without a member costs the same statements:
// a client could otherwise measure by its next request how much work the last one left behind. Its job differs
// from a member's only in that it sends nothing.
async function sendResetMail(deps: ResetDeps, ctx: PublicContext, key: string): Promise<void> {
  const { tenant, request } = ctx
  const user = await deps.database.inTenant({ tenant, deadline: 'background' }, (db) =>
    findActiveMember(db, tenant.realm, key),
  )
  const attempt = await deps.attemptLimiter.tryReserve([resetMailLimit(deps.config, ctx, key)])
  try {
    await mailResetLink(deps, { tenant, request, userId: user?.id }, attempt === undefined)
  } catch (error) {
    await attempt?.refund()
    throw error
  }
}

// Reads in the tenant's scope: a user who is not a member here gets no mail in this tenant's name.
function findActiveMember(db: Kysely<KernelTables>, realmId: string, key: string) {
  return db
    .selectFrom('tenantry.users as u')
    .innerJoin('tenantry.members as m', 'm.user_id', 'u.id')
    .select('u.id')
    .where('u.realm_id', '=', realmId)
    .where('u.email_key', '=', key)
    .where('u.is_active', '=', true)
    .where('m.is_active', '=', true)
    .executeTakeFirst()
}

function findHolder(db: Kysely<KernelTables>, hash: Buffer) {
  return db
    .selectFrom('tenantry.single_use_secrets as r')
    .innerJoin('tenantry.users as u', 'u.id', 'r.user_id')
    .select(['u.email', 'u.email_key', 'u.full_name'])
    .where('r.hash', '=', hash)
    .where('r.kind', '=', 'password_reset')
    .where(secretWorks)
    .executeTakeFirst()
}

async function consume(
  db: Kysely<KernelTables>,
  request: RequestInfo,
  hash: Buffer,
  password_hash: string,
): Promise<boolean> {
  await lockUserOf(db, hash)
  const used = await useSecret(db, 'password_reset', hash)
  if (used === undefined) return false
  if (!(await changePassword(db, used, password_hash))) return false
  const about = { entity: 'users', entity_id: used.user_id, actor_id: used.user_id }
  const meta = { channel: used.channel }
  await recordAudit(db, request, { action: 'auth.password_reset', meta, ...about })
  await enqueueJob({ db, requestId: request.id }, passwordChanged, { user_id: used.user_id })
  return true
}
