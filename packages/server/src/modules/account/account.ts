import { type Kysely, sql } from 'kysely'
import type { z } from 'zod'
import { assertInstallationOrigin } from '../../access/installation_origin.ts'
import type { Passwords } from '../../access/passwords.ts'
import { signInLimits, trustedAddress } from '../../access/sign_in_limits.ts'
import { unauthenticated } from '../../access/unauthenticated.ts'
import type { Actor, PersonContext, PublicContext, TenantContext } from '../../app/context.ts'
import type { Rejections } from '../../audit/rejections.ts'
import type { Config } from '../../config/config.ts'
import type { KernelTables } from '../../db/tables.ts'
import type { Database } from '../../db/tenancy.ts'
import type { Background } from '../../jobs/background.ts'
import { AppError, unprocessable } from '../../lib/errors.ts'
import { canonicalLocale } from '../../lib/locale.ts'
import type { AttemptLimiter, Reservation } from '../../limits/attempt_limiter.ts'
import { updateProfile } from '../users/users.ts'
import type { Account, AccountChanges } from './account.schema.ts'

type AccountConfig = Pick<Config, 'EMAIL_VERIFICATION' | 'IDENTITY_SCOPE'>
type Context = TenantContext<KernelTables> | PersonContext<KernelTables>

/** The account of the signed-in person. */
export async function findAccount(config: AccountConfig, ctx: TenantContext<KernelTables>) {
  return accountOf(config, ctx, await profile(ctx.db, ctx.actor.user.id).executeTakeFirst())
}

/**
 * Changes the person's name and language, in all of their tenants: they belong to the person. The audit
 * row names the fields and not the values. Throws 403 on a custom domain.
 */
export async function updateAccount(
  config: AccountConfig,
  ctx: PersonContext<KernelTables>,
  { full_name, locale }: z.output<typeof AccountChanges>,
) {
  assertInstallationOrigin(ctx.tenant)
  const given = {
    ...(full_name === undefined ? {} : { full_name }),
    ...(locale === undefined ? {} : { locale: locale && (canonicalLocale(locale) ?? locale) }),
  }
  return ctx.asPerson(async (db) => {
    const { id } = ctx.actor.user
    ctx.requireMatch(
      accountOf(config, ctx, await profile(db, id).forNoKeyUpdate().executeTakeFirst()),
    )
    await updateProfile(db, id, given)
    ctx.audit({ meta: { fields: Object.keys(given) } })
    return accountOf(config, ctx, await profile(db, id).executeTakeFirst())
  })
}

interface Profile {
  id: string
  email: string
  email_verified: boolean
  full_name: string
  locale: string | null
}

function profile(db: Kysely<KernelTables>, userId: string) {
  return db
    .selectFrom('tenantry.users')
    .select(['id', 'email', 'full_name', 'locale'])
    .select(sql<boolean>`email_verified_at is not null`.as('email_verified'))
    .where('id', '=', userId)
}

// Without a row the user was disabled after the session was checked.
function accountOf(
  { EMAIL_VERIFICATION: email_verification, IDENTITY_SCOPE: identity_scope }: AccountConfig,
  { tenant, actor }: Context,
  found: Profile | undefined,
): z.output<typeof Account> {
  if (found === undefined) throw unauthenticated()
  const { subdomain } = tenant
  return {
    ...found,
    email_verification,
    identity_scope,
    tenant: subdomain,
    roles: [...actor.roles],
  }
}

/** What a check of the current password needs. */
export interface ConfirmDeps {
  attemptLimiter: AttemptLimiter
  background: Background
  config: Config
  database: Database
  passwords: Passwords
  rejections: Rejections
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
  assertInstallationOrigin(ctx.tenant)
  const user = await deps.database.asIdentity(ctx, (db) => findPerson(db, ctx.actor.user.id))
  if (user === undefined) throw unauthenticated()
  const attempt = await reserve(deps, ctx, user.email_key)
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

async function reserve(deps: ConfirmDeps, ctx: SignedIn, key: string): Promise<Reservation> {
  const { limits, override } = signInLimits(deps.config, ctx, key)
  try {
    return await deps.attemptLimiter.reserve(ctx.deadline, limits, override)
  } catch (error) {
    if (error instanceof AppError && error.kind === 'rate_limited') {
      deps.rejections.record(ctx.tenant.id, ctx.request, { action: 'auth.throttled' })
    }
    throw error
  }
}

function wrongPassword(
  { rejections }: ConfirmDeps,
  { tenant, request, actor }: SignedIn,
): AppError {
  const meta = { reason: 'confirmation' }
  rejections.record(tenant.id, request, { action: 'auth.rejected', meta, about: actor.user.id })
  return unprocessable([{ pointer: '/current_password', message: 'is not your current password' }])
}
