import type { Config } from '../../config.ts'
import type { PublicContext } from '../../context.ts'
import { emailKey } from '../../email.ts'
import { AppError } from '../../errors.ts'
import { addressSubject } from '../../http/address.ts'
import { recordAudit } from '../../http/audit.ts'
import { challenge } from '../../http/authenticate.ts'
import type { Refusal } from '../../http/refusals.ts'
import type { Budget } from '../../http/throttle.ts'
import { hashSecret, randomSecret } from '../../secrets.ts'
import { openSession, type SessionTimes } from '../sessions/sessions.ts'
import { type Credentials, findCredentials, replaceHash } from '../users/users.ts'
import type { AuthDeps } from './auth_deps.ts'

const WRONG = 'credentials.wrong'
const WINDOW_SECONDS = 15 * 60
const DAY_SECONDS = 86_400

export interface SignInInput {
  email: string
  password: string
}

/**
 * Checks credentials and opens a session. Wrong password, unknown and inactive user answer alike,
 * after the same work; membership is only spoken of once the password is right.
 * Throws 401, 403 or 429.
 */
export async function signIn(
  deps: AuthDeps,
  ctx: PublicContext,
  given: SignInInput,
  wants: 'access' | 'refresh',
) {
  // What is no e-mail is nobody's, and is counted like one.
  const key = emailKey(given.email) ?? given.email.trim().toLowerCase().slice(0, 320)
  const budgets = signInBudgets(deps.config, ctx, key)
  await reserve(deps, ctx, budgets)
  const giveBack = () => deps.background.run('give back', () => deps.throttle.giveBack(budgets))
  try {
    const user = await authenticate(deps, ctx, key, given.password)
    const session = await openMemberSession(deps, ctx, user, wants)
    giveBack()
    return session
  } catch (error) {
    // Only a wrong password costs an attempt: not our being busy, not a tenant one is no member of.
    if (!(error instanceof AppError && error.code === WRONG)) giveBack()
    throw error
  }
}

async function reserve(deps: AuthDeps, ctx: PublicContext, budgets: Budget[]): Promise<void> {
  try {
    await deps.throttle.reserve(budgets)
  } catch (error) {
    if (error instanceof AppError && error.kind === 'rate_limited') {
      deps.refusals.note(ctx.tenant.id, ctx.request, { action: 'auth.throttled' })
    }
    throw error
  }
}

async function authenticate(
  deps: AuthDeps,
  ctx: PublicContext,
  key: string,
  password: string,
): Promise<Credentials> {
  const user = await deps.doors.asIdentity((db) => findCredentials(db, key))
  const check = await deps.passwords.check(password, user?.password_hash)
  if (user === undefined || !check.valid) {
    deps.refusals.note(ctx.tenant.id, ctx.request, refusal('credentials', user?.id))
    throw wrongCredentials()
  }
  if (check.rehash) {
    deps.background.run('rehash', async () => {
      const better = await deps.passwords.hash(password)
      await deps.doors.asIdentity((db) => replaceHash(db, user, better))
    })
  }
  return user
}

async function openMemberSession(
  deps: AuthDeps,
  ctx: PublicContext,
  user: Credentials,
  wants: 'access' | 'refresh',
) {
  const jti = randomSecret()
  const opened = await deps.doors.inTenant(ctx.tenant.id, async (db) => {
    const session = await openSession(db, ctx.request, {
      userId: user.id,
      credentialsFrom: user.credentials_from,
      times: sessionTimes(deps, wants),
      ...(wants === 'refresh' ? { refreshHash: hashSecret(jti) } : {}),
    })
    if (session === undefined) return undefined
    const action = 'auth.signed_in'
    const by = { actor_id: user.id, session_id: session.id }
    await recordAudit(db, ctx.request, { action, entity: 'sessions', entity_id: session.id, ...by })
    return session
  })
  if (opened === undefined) {
    deps.refusals.note(ctx.tenant.id, ctx.request, refusal('membership', user.id))
    throw new AppError('forbidden', 'member.none', 'User does not belong to this tenant')
  }
  return { userId: user.id, jti, ...opened }
}

// A session that no refresh token prolongs ends with its one access token.
function sessionTimes({ config, tokens }: AuthDeps, wants: 'access' | 'refresh'): SessionTimes {
  if (wants === 'access') {
    return { idleSeconds: tokens.accessSeconds, maxSeconds: tokens.accessSeconds }
  }
  return {
    idleSeconds: config.REFRESH_TOKEN_EXPIRE_DAYS * DAY_SECONDS,
    maxSeconds: config.SESSION_MAX_DAYS * DAY_SECONDS,
  }
}

function signInBudgets(config: Config, { request }: PublicContext, key: string): Budget[] {
  const subject = addressSubject(request.address)
  const limit = config.SIGNIN_LIMIT_ADDRESS
  return [
    { name: 'signin address', subject, limit, windowSeconds: WINDOW_SECONDS },
    accountBudget(config, key),
  ]
}

/** The failed sign-ins that an account may have, by its canonical e-mail. */
export function accountBudget(config: Config, key: string): Budget {
  const limit = config.SIGNIN_LIMIT_ACCOUNT
  return { name: 'signin account', subject: key, limit, windowSeconds: WINDOW_SECONDS }
}

function refusal(reason: string, about: string | undefined): Refusal {
  return { action: 'auth.refused', meta: { reason }, about }
}

function wrongCredentials(): AppError {
  return new AppError('unauthenticated', WRONG, 'Invalid credentials', { headers: challenge })
}
