import { type Kysely, sql } from 'kysely'
import type { Background } from '../../background.ts'
import type { PublicContext, RequestInfo, Tenant } from '../../context.ts'
import type { KernelTables } from '../../db/tables.ts'
import { emailKey } from '../../email.ts'
import { AppError, unprocessable } from '../../errors.ts'
import { recordAudit } from '../../http/audit.ts'
import { addressSubject, type Budget } from '../../http/throttle.ts'
import type { Mail } from '../../mail/mail.ts'
import { passwordChangedMail, resetMail } from '../../mail/templates.ts'
import { hashSecret, randomSecret } from '../../secrets.ts'
import type { AuthDeps } from './auth_deps.ts'
import { assertAcceptablePassword } from './password_rules.ts'

const HOUR_SECONDS = 3_600

/** Resets also send mail, which no reply waits for. */
export interface ResetDeps extends AuthDeps {
  appName: string
  mail: Mail
  background: Background
}

/**
 * Starts a reset. The answer is given before anything about the address is looked up, so it is the
 * same, in the same time, whoever exists; the token leaves by mail only. Throws 422 or 429.
 */
export async function requestReset(deps: ResetDeps, ctx: PublicContext, email: string) {
  const key = emailKey(email)
  if (key === undefined) {
    throw unprocessable([{ pointer: '/email', message: 'must be an e-mail address' }])
  }
  await deps.throttle.reserve(resetBudgets(ctx, key))
  deps.background.run('password reset', () => sendResetMail(deps, ctx, key))
}

/**
 * Sets a new password by a reset token: once, within its time, on the tenant it was asked on. Ends
 * every session of the user, in every tenant. Throws 400 for the token, 422 for the password.
 */
export async function resetPassword(
  deps: ResetDeps,
  ctx: PublicContext,
  token: string,
  password: string,
): Promise<void> {
  const hash = hashSecret(token)
  const { doors, passwords } = deps
  const holder = await doors.asIdentity((db) => findHolder(db, hash), ctx.tenant.id)
  if (holder === undefined) throw invalidToken()
  const { name: tenantName, subdomain } = ctx.tenant
  assertAcceptablePassword(password, { ...holder, tenantName, subdomain })
  const password_hash = await passwords.hash(password)
  const changed = await doors.asIdentity(
    (db) => consume(db, ctx.request, hash, password_hash),
    ctx.tenant.id,
  )
  if (!changed) throw invalidToken()
  deps.background.run('password changed notice', () =>
    deps.mail.send({ to: holder.email, ...passwordChangedMail(mailContext(deps, ctx.tenant)) }),
  )
}

/** Makes a reset link for a user, voiding older ones of this tenant; also what an operator hands out. */
export async function createResetLink(
  deps: Pick<AuthDeps, 'config' | 'doors'>,
  tenant: Tenant,
  userId: string,
  request: RequestInfo,
): Promise<string> {
  const token = randomSecret()
  const minutes = deps.config.PASSWORD_RESET_EXPIRE_MINUTES
  await deps.doors.asIdentity(async (db) => {
    await db
      .updateTable('tenantry.password_resets')
      .set({ used_at: sql<string>`now()` })
      .where('user_id', '=', userId)
      .where('used_at', 'is', null)
      .execute()
    await db
      .insertInto('tenantry.password_resets')
      .values({
        hash: hashSecret(token),
        user_id: userId,
        expires_at: sql<string>`now() + make_interval(mins => ${minutes})`,
      })
      .execute()
    await recordAudit(db, request, { action: 'auth.reset_requested', ...about(userId) })
  }, tenant.id)
  return deps.config.RESET_URL.replaceAll('{origin}', tenant.origin)
    .replaceAll('{tenant}', tenant.subdomain)
    .replaceAll('{token}', token)
}

async function sendResetMail(deps: ResetDeps, ctx: PublicContext, key: string): Promise<void> {
  const { tenant, request } = ctx
  const user = await deps.doors.inTenant(tenant.id, (db) => findActiveMember(db, key))
  if (user === undefined) return
  const link = await createResetLink(deps, tenant, user.id, request)
  const minutes = deps.config.PASSWORD_RESET_EXPIRE_MINUTES
  await deps.mail.send({
    to: user.email,
    ...resetMail({ ...mailContext(deps, tenant), link, minutes }),
  })
}

// Through the tenant's door: a person who is no member here gets no mail in this tenant's name.
function findActiveMember(db: Kysely<KernelTables>, key: string) {
  return db
    .selectFrom('tenantry.users as u')
    .innerJoin('tenantry.members as m', 'm.user_id', 'u.id')
    .select(['u.id', 'u.email'])
    .where('u.email_key', '=', key)
    .where('u.is_active', '=', true)
    .where('m.is_active', '=', true)
    .executeTakeFirst()
}

function findHolder(db: Kysely<KernelTables>, hash: Buffer) {
  return db
    .selectFrom('tenantry.password_resets as r')
    .innerJoin('tenantry.users as u', 'u.id', 'r.user_id')
    .select(['u.email', 'u.full_name'])
    .where('r.hash', '=', hash)
    .where(stillGood)
    .executeTakeFirst()
}

// The conditional UPDATE lets one of many parallel uses through; the rest find it used.
async function consume(
  db: Kysely<KernelTables>,
  request: RequestInfo,
  hash: Buffer,
  password_hash: string,
): Promise<boolean> {
  const used = await db
    .updateTable('tenantry.password_resets as r')
    .from('tenantry.users as u')
    .set({ used_at: sql<string>`now()` })
    .whereRef('u.id', '=', 'r.user_id')
    .where('r.hash', '=', hash)
    .where(stillGood)
    .returning('r.user_id')
    .executeTakeFirst()
  if (used === undefined) return false
  await db
    .updateTable('tenantry.users')
    .set({
      password_hash,
      sessions_valid_from: sql<string>`clock_timestamp()`,
      // Whoever holds the token reads the mail of this address.
      email_verified_at: sql<string>`coalesce(email_verified_at, now())`,
      updated_at: sql<string>`now()`,
    })
    .where('id', '=', used.user_id)
    .execute()
  await recordAudit(db, request, { action: 'auth.password_reset', ...about(used.user_id) })
  return true
}

// A token from before the last change of password is void, in whichever tenant it was asked for.
const stillGood = sql<boolean>`(
  r.used_at is null and now() < r.expires_at and r.created_at >= u.sessions_valid_from
)`

function mailContext({ appName }: ResetDeps, tenant: Tenant) {
  return { appName, tenantName: tenant.name }
}

function about(userId: string) {
  return { entity: 'users', entity_id: userId, actor_id: userId }
}

function resetBudgets({ request }: PublicContext, key: string): Budget[] {
  const subject = addressSubject(request.address)
  return [
    { name: 'reset account', subject: key, limit: 5, windowSeconds: HOUR_SECONDS },
    { name: 'reset address', subject, limit: 50, windowSeconds: HOUR_SECONDS },
  ]
}

function invalidToken(): AppError {
  return new AppError('invalid', 'token.invalid', 'Invalid or expired token')
}
