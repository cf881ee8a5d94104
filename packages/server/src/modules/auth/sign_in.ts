import { sql } from 'kysely'
import type { PublicContext } from '../../context.ts'
import { emailKey } from '../../email.ts'
import { AppError } from '../../errors.ts'
import { recordAudit } from '../../http/audit.ts'
import { addressSubject, type Budget } from '../../http/throttle.ts'
import { GLOBAL_REALM } from '../../realm.ts'
import { hashSecret, randomSecret } from '../../secrets.ts'
import { openSession, type SessionTimes } from '../sessions/open_session.ts'
import type { AuthDeps } from './auth_deps.ts'

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
  const budgets = signInBudgets(deps, ctx, key)
  await deps.throttle.reserve(budgets)
  const user = await findCredentials(deps, key)
  const check = await deps.passwords.check(given.password, user?.password_hash)
  if (user === undefined || !check.valid) {
    deps.refusals.note(ctx.tenant.id, ctx.request, refusal(user?.id, 'credentials'))
    throw invalidCredentials()
  }
  const session = await openMemberSession(deps, ctx, user, wants)
  await deps.throttle.giveBack(budgets)
  if (check.rehash) await upgradeHash(deps, user, given.password)
  return session
}

type Credentials = NonNullable<Awaited<ReturnType<typeof findCredentials>>>

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
    deps.refusals.note(ctx.tenant.id, ctx.request, refusal(user.id, 'membership'))
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

function signInBudgets({ config }: AuthDeps, { request }: PublicContext, key: string): Budget[] {
  const windowSeconds = WINDOW_SECONDS
  const subject = addressSubject(request.address)
  return [
    { name: 'signin account', subject: key, limit: config.SIGNIN_LIMIT_ACCOUNT, windowSeconds },
    { name: 'signin address', subject, limit: config.SIGNIN_LIMIT_ADDRESS, windowSeconds },
  ]
}

// Inactive users are invisible to this door: for it there is no such user.
function findCredentials({ doors }: AuthDeps, key: string) {
  return doors.asIdentity((db) =>
    db
      .selectFrom('tenantry.users')
      .select(['id', 'password_hash'])
      // As text: the driver's timestamps end at milliseconds, and this is compared for equality.
      .select(sql<string>`sessions_valid_from::text`.as('credentials_from'))
      .where('email_key', '=', key)
      .where('realm_id', '=', GLOBAL_REALM)
      .executeTakeFirst(),
  )
}

// Not if it changed meanwhile: a reset beside this sign-in must win.
async function upgradeHash({ doors, passwords }: AuthDeps, user: Credentials, password: string) {
  const password_hash = await passwords.hash(password)
  await doors.asIdentity((db) =>
    db
      .updateTable('tenantry.users')
      .set({ password_hash, updated_at: sql<string>`now()` })
      .where('id', '=', user.id)
      .where('password_hash', '=', user.password_hash)
      .execute(),
  )
}

function refusal(actor_id: string | undefined, reason: string) {
  const meta = { reason }
  return { action: 'auth.refused', meta, ...(actor_id === undefined ? {} : { actor_id }) }
}

function invalidCredentials(): AppError {
  return new AppError('unauthenticated', 'credentials.wrong', 'Invalid credentials', {
    headers: { 'www-authenticate': 'Bearer' },
  })
}
