import { type Kysely, sql } from 'kysely'
import type { Actor, PublicContext } from '../../app/context.ts'
import type { KernelTables } from '../../db/tables.ts'
import type { Database } from '../../db/tenancy.ts'
import type { Background } from '../../jobs/background.ts'
import { AppError, unprocessable } from '../../lib/errors.ts'
import type { Reservation } from '../../limits/attempt_limiter.ts'
import { assertAcceptsCredentials } from '../installation_origin.ts'
import type { Passwords } from '../passwords.ts'
import { reserveSignIn, type SignInLimitDeps, trustedAddress } from '../sign_in_limits.ts'
import { unauthenticated } from '../unauthenticated.ts'

/** What a check of the current password needs. */
export interface ConfirmDeps extends SignInLimitDeps {
  background: Background
  database: Database
  passwords: Passwords
}

type SignedIn = PublicContext & { actor: Actor }

/** The signed-in person, whose current password was just checked. */
export interface Confirmed {
  email: string
  full_name: string
  /** users.sessions_valid_from as text, as it was when the password was read. */
  credentials_epoch: string
}

/**
 * Checks the current password of the signed-in person. A session may have been taken over: guesses count
 * against the limits of sign-in. Throws 422 for a wrong password, 403 on a custom domain, 429 or 503.
 */
export async function confirmPassword(
  deps: ConfirmDeps,
  ctx: SignedIn,
  password: string,
): Promise<Confirmed> {
  assertAcceptsCredentials(ctx.tenant)
  const user = await deps.database.asIdentity(ctx, (db) => findPerson(db, ctx.actor.user.id))
  if (user === undefined) throw unauthenticated()
  const attempt = await reserveSignIn(deps, ctx, user.email_key)
  const refund = (...marker: Parameters<Reservation['refund']>) =>
    deps.background.run('attempt refund', () => attempt.refund(...marker))
  try {
    const { valid } = await deps.passwords.check(password, user.password_hash)
    if (!valid) throw wrongPassword(deps, ctx)
  } catch (error) {
    if (!(error instanceof AppError && error.kind === 'unprocessable')) refund()
    throw error
  }
  refund(trustedAddress(ctx, user.email_key))
  return user
}

function findPerson(db: Kysely<KernelTables>, id: string) {
  return db
    .selectFrom('tenantry.users')
    .select(['email', 'email_key', 'full_name', 'password_hash'])
    .select(sql<string>`sessions_valid_from::text`.as('credentials_epoch'))
    .where('id', '=', id)
    .executeTakeFirst()
}

function wrongPassword(
  { rejections }: ConfirmDeps,
  { tenant, request, actor }: SignedIn,
): AppError {
  const meta = { reason: 'confirmation' }
  rejections.record(tenant.id, request, { action: 'auth.rejected', meta, about: actor.user.id })
  return unprocessable([{ pointer: '/current_password', message: 'is not your current password' }])
}
