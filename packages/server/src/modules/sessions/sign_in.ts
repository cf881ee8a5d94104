import { assertInstallationOrigin } from '../../access/installation_origin.ts'
import { realmOf } from '../../access/realm.ts'
import { signInLimits, trustedAddress } from '../../access/sign_in_limits.ts'
import { challenge } from '../../access/unauthenticated.ts'
import type { PublicContext } from '../../app/context.ts'
import { recordAudit } from '../../audit/audit_log.ts'
import type { Rejection } from '../../audit/rejections.ts'
import { emailKey } from '../../lib/email_address.ts'
import { AppError } from '../../lib/errors.ts'
import { newId } from '../../lib/ids.ts'
import { hashSecret, randomSecret } from '../../lib/keys.ts'
import type { Marker, Reservation } from '../../limits/attempt_limiter.ts'
import { type Credentials, findCredentials, replaceHash } from '../users/users.ts'
import { type NewSession, type OpenedSession, openSession, type SessionTimes } from './sessions.ts'
import type { SignInDeps } from './sign_in_deps.ts'

const WRONG = 'credentials.wrong'
const NO_MEMBER = 'member.required'
const DAY_SECONDS = 86_400

export interface SignInInput {
  email: string
  password: string
}

/**
 * Checks credentials and opens a session. A wrong password, an unknown user and an inactive user get
 * the same answer after the same work. A missing membership is reported only after the password was
 * right. Throws 401, 403 (also on a custom domain) or 429.
 */
export async function signIn(
  deps: SignInDeps,
  ctx: PublicContext,
  given: SignInInput,
  wants: 'access' | 'refresh',
) {
  assertPlace(deps, ctx)
  // A malformed e-mail belongs to no user; it is counted like an unknown one.
  const key = emailKey(given.email) ?? given.email.trim().toLowerCase().slice(0, 320)
  const attempt = await reserve(deps, ctx, key)
  const refund = (marker?: Marker) =>
    deps.background.run('attempt refund', () => attempt.refund(marker))
  try {
    const user = await authenticate(deps, ctx, key, given.password)
    const session = await openMemberSession(deps, ctx, user, wants)
    refund(trustedAddress(ctx, key))
    return session
  } catch (error) {
    // Only wrong credentials cost an attempt; a busy server or a missing membership does not.
    if (!(error instanceof AppError && error.code === WRONG)) refund()
    throw error
  }
}

function assertPlace(deps: SignInDeps, ctx: PublicContext): void {
  try {
    assertInstallationOrigin(ctx.tenant)
  } catch (error) {
    deps.rejections.record(ctx.tenant.id, ctx.request, rejection('custom_domain', undefined))
    throw error
  }
}

async function reserve(deps: SignInDeps, ctx: PublicContext, key: string): Promise<Reservation> {
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

async function authenticate(
  deps: SignInDeps,
  ctx: PublicContext,
  key: string,
  password: string,
): Promise<Credentials> {
  const user = await deps.database.asIdentity({ deadline: ctx.deadline }, (db) =>
    findCredentials(db, realmOf(ctx.tenant), key),
  )
  const check = await deps.passwords.check(password, user?.password_hash)
  if (user === undefined || !check.valid) {
    deps.rejections.record(ctx.tenant.id, ctx.request, rejection('credentials', user?.id))
    throw wrongCredentials()
  }
  if (check.rehash) {
    deps.background.run('rehash', async () => {
      const stronger = await deps.passwords.hash(password)
      await deps.database.asIdentity({ deadline: 'background' }, (db) =>
        replaceHash(db, user, stronger),
      )
    })
  }
  return user
}

async function openMemberSession(
  deps: SignInDeps,
  ctx: PublicContext,
  user: Credentials,
  wants: 'access' | 'refresh',
) {
  const jti = randomSecret()
  const session = {
    id: newId(),
    userId: user.id,
    credentialsEpoch: user.credentials_epoch,
    times: sessionTimes(deps, wants),
    ...(wants === 'refresh' ? { refreshHash: hashSecret(jti) } : {}),
  }
  try {
    const opened = await openAudited(deps, ctx, session)
    return { id: session.id, userId: user.id, jti, ...opened }
  } catch (error) {
    if (error instanceof AppError && error.code === NO_MEMBER) {
      deps.rejections.record(ctx.tenant.id, ctx.request, rejection('membership', user.id))
    }
    throw error
  }
}

function openAudited(
  deps: SignInDeps,
  ctx: PublicContext,
  session: NewSession,
): Promise<OpenedSession> {
  return deps.database.inTenant(ctx, async (db) => {
    // Sent together in one write to the socket. If no session is opened, the audit row is rolled back.
    const [opened] = await Promise.all([
      openSession(db, ctx.request, session),
      recordAudit(db, ctx.request, {
        action: 'auth.signed_in',
        entity: 'sessions',
        entity_id: session.id,
        actor_id: session.userId,
        session_id: session.id,
      }),
    ])
    if (opened === undefined) {
      throw new AppError('forbidden', NO_MEMBER, 'User does not belong to this tenant')
    }
    return opened
  })
}

// Without a refresh token a session cannot be extended: it ends with its access token.
function sessionTimes({ config, tokens }: SignInDeps, wants: 'access' | 'refresh'): SessionTimes {
  if (wants === 'access') {
    return { idleSeconds: tokens.accessSeconds, maxSeconds: tokens.accessSeconds }
  }
  return {
    idleSeconds: config.REFRESH_TOKEN_EXPIRE_DAYS * DAY_SECONDS,
    maxSeconds: config.SESSION_MAX_DAYS * DAY_SECONDS,
  }
}

function rejection(reason: string, about: string | undefined): Rejection {
  return { action: 'auth.rejected', meta: { reason }, about }
}

function wrongCredentials(): AppError {
  return new AppError('unauthenticated', WRONG, 'Invalid credentials', { headers: challenge })
}
