import { assertAcceptsCredentials } from '../../access/installation_origin.ts'
import { realmScope } from '../../access/realm.ts'
import { reserveSignIn, trustedAddress } from '../../access/sign_in_limits.ts'
import type { AccessClaims } from '../../access/tokens.ts'
import { WRONG_CREDENTIALS, wrongCredentials } from '../../access/unauthenticated.ts'
import type { PublicContext } from '../../app/context.ts'
import type { Rejection } from '../../audit/rejections.ts'
import { emailKey } from '../../lib/email_address.ts'
import { AppError } from '../../lib/errors.ts'
import type { Marker } from '../../limits/attempt_limiter.ts'
import { mailCode, verifyByCode } from '../email_codes/email_codes.ts'
import { type Credentials, findCredentials, replaceHash } from '../users/users.ts'
import { openSession, UNVERIFIED } from './open_session.ts'
import type { SignInDeps } from './sign_in_deps.ts'

export interface SignInInput {
  email: string
  password: string
  /** The code that was mailed after an earlier attempt, see email_codes.ts. */
  email_code?: string | undefined
}

/**
 * Checks credentials and opens a session. A wrong password, an unknown user and an inactive user get
 * the same answer after the same work. A missing membership is reported only after the password was
 * right, as is an address that has to be verified: a code is mailed, with which to sign in. Throws 401, 403 (also on a
 * custom domain), 422 for the code, or 429.
 */
export async function signIn(
  deps: SignInDeps,
  ctx: PublicContext,
  given: SignInInput,
  wants: 'access' | 'refresh' | 'cookie',
  replaces?: AccessClaims,
) {
  // A malformed e-mail belongs to no user; it is counted like an unknown one.
  const key = emailKey(given.email) ?? given.email.trim().toLowerCase().slice(0, 320)
  return withPassword(deps, ctx, { key, password: given.password }, (user) =>
    openVerified(deps, ctx, user, given.email_code, () =>
      openSession(deps, ctx, user, { method: 'password', amr: ['pwd'], wants, replaces }),
    ),
  )
}

// Only the person who knows the password causes a mail, and can use its code.
async function openVerified<T>(
  deps: SignInDeps,
  ctx: PublicContext,
  user: Credentials,
  code: string | undefined,
  open: () => Promise<T>,
): Promise<T> {
  try {
    return await open()
  } catch (error) {
    if (!(error instanceof AppError && error.code === UNVERIFIED)) throw error
    if (code === undefined) {
      await mailCode(deps, ctx, user)
      throw error
    }
  }
  await verifyByCode(deps, ctx, user, code)
  return open()
}

/**
 * Checks the password of an account, by its canonical address, and then does `work` for its user: the limits
 * and the answers are those of every way in that takes a password. Throws 401, 403 on a custom domain, or 429.
 */
export async function withPassword<T>(
  deps: SignInDeps,
  ctx: PublicContext,
  { key, password }: { key: string; password: string },
  work: (user: Credentials) => Promise<T>,
): Promise<T> {
  assertPlace(deps, ctx)
  const attempt = await reserveSignIn(deps, ctx, key)
  const refund = (marker?: Marker) =>
    deps.background.run('attempt refund', () => attempt.refund(marker))
  try {
    const result = await work(await authenticate(deps, ctx, key, password))
    refund(trustedAddress(ctx, key))
    return result
  } catch (error) {
    // Only wrong credentials cost an attempt; a busy server or a missing membership does not.
    if (!(error instanceof AppError && error.code === WRONG_CREDENTIALS)) refund()
    throw error
  }
}

function assertPlace(deps: SignInDeps, ctx: PublicContext): void {
  try {
    assertAcceptsCredentials(ctx.tenant)
  } catch (error) {
    deps.rejections.record(ctx.tenant.id, ctx.request, rejection('custom_domain', undefined))
    throw error
  }
}

async function authenticate(
  deps: SignInDeps,
  ctx: PublicContext,
  key: string,
  password: string,
): Promise<Credentials> {
  const user = await deps.database.asIdentity(realmScope(ctx, ctx.deadline), (db) =>
    findCredentials(db, ctx.tenant.realm, key),
  )
  const check = await deps.passwords.check(password, user?.password_hash)
  if (user === undefined || !check.valid) {
    deps.rejections.record(ctx.tenant.id, ctx.request, rejection('credentials', user?.id))
    throw wrongCredentials()
  }
  if (check.rehash) {
    deps.background.run('rehash', async () => {
      const stronger = await deps.passwords.hash(password)
      await deps.database.asIdentity(realmScope(ctx, 'background'), (db) =>
        replaceHash(db, user, stronger),
      )
    })
  }
  return user
}

function rejection(reason: string, about: string | undefined): Rejection {
  return { action: 'auth.rejected', meta: { reason }, about }
}
