import { type Kysely, type RawBuilder, sql } from 'kysely'
import { isInstallationOrigin } from '../../access/installation_origin.ts'
import { roleColumns } from '../../access/permissions.ts'
import type { AccessClaims } from '../../access/tokens.ts'
import { wrongCredentials } from '../../access/unauthenticated.ts'
import type { PublicContext, Tenant } from '../../app/context.ts'
import { auditInsert } from '../../audit/audit_log.ts'
import type { KernelTables } from '../../db/tables.ts'
import type { RequestTransaction } from '../../db/tenancy.ts'
import { enqueueJob } from '../../jobs/enqueue.ts'
import { AppError } from '../../lib/errors.ts'
import { newId } from '../../lib/ids.ts'
import { hashSecret, randomSecret } from '../../lib/keys.ts'
import { closedTenant } from '../../tenancy/find_tenant.ts'
import type { ProvenUser } from '../users/users.ts'
import { endSession } from './end_session.ts'
import { newDeviceMail } from './new_device.mail.ts'
import type { SignInDeps } from './sign_in_deps.ts'

const DAY_SECONDS = 86_400
const NO_MEMBER = 'member.required'
/** The code of the error for a person whose address is not verified, where EMAIL_VERIFICATION=required. */
export const UNVERIFIED = 'email.unverified'

/** Why the audit log says that a person with the right proof got no session. */
const reasons: Readonly<Record<string, string>> = {
  [NO_MEMBER]: 'membership',
  [UNVERIFIED]: 'unverified',
}

/** Per member and tenant, including expired ones. A further sign-in deletes the oldest. */
const MAX_SESSIONS = 1_000

/** What opening a session needs. */
export type OpenDeps = Pick<SignInDeps, 'config' | 'database' | 'jobs' | 'rejections' | 'tokens'>

/** How a session is opened. */
export interface Opening {
  method: Method
  /** The proofs that the person gave, as RFC 8176 names them. */
  amr: readonly string[]
  /** When the person gave them, where that was not just now. */
  authenticatedAt?: Date
  /** What the client gets: an access token only, a pair of tokens, or a cookie. */
  wants: 'access' | 'refresh' | 'cookie'
  /** The session of the cookie that the new one replaces. It is revoked in the same transaction. */
  replaces?: AccessClaims | undefined
  /** The session of the subdomain from which one of a custom domain is handed over. */
  sourceId?: string | undefined
  /** The sessions that it was handed over through, in any tenants. */
  cameThrough?: readonly string[]
}

type Method = KernelTables['tenantry.sessions']['method']['__select__']

export interface OpenedSession {
  id: string
  userId: string
  roles: string[]
  /** The secret of the first refresh token, where the client wants one. */
  jti: string
  createdAt: string
  /** When the session ends without further use. */
  idleExpiresAt: string
  /** When it ends even if it is in use. */
  expiresAt: string
}

/**
 * Opens a session: every way in ends here, and nothing else inserts one. The tenant, the user and the
 * membership must be active, the credentials unchanged since they were checked, and a custom domain still the tenant's. The session and its
 * audit row are committed together. Deletes sessions above the maximum. Throws 401, or 403
 * for a suspended tenant, for a user who is not an active member, and for one whose address has to be verified first.
 */
export async function openSession(
  deps: OpenDeps,
  ctx: PublicContext,
  user: ProvenUser,
  opening: Opening,
): Promise<OpenedSession> {
  const session = { id: newId(), userId: user.id, jti: randomSecret() }
  const noticed = deps.config.NEW_DEVICE_MAIL === 'on'
  try {
    const opened = await deps.database.write(ctx, (transaction) =>
      insertAudited(transaction, ctx, {
        ...{ ...session, ...opening, user, times: timesOf(deps, opening) },
        mustBeVerified: deps.config.EMAIL_VERIFICATION === 'required',
        noticed,
      }),
    )
    if (noticed) deps.jobs.notify()
    return { ...session, ...opened }
  } catch (error) {
    const reason = error instanceof AppError ? reasons[error.code] : undefined
    if (reason !== undefined) {
      const meta = { reason }
      deps.rejections.record(ctx.tenant.id, ctx.request, {
        action: 'auth.rejected',
        meta,
        about: user.id,
      })
    }
    throw error
  }
}

interface NewSession extends Opening {
  id: string
  user: ProvenUser
  jti: string
  times: SessionTimes
  mustBeVerified: boolean
  /** The person gets a mail if the device is new to the account. */
  noticed: boolean
}

type InsertedSession = Pick<OpenedSession, 'roles' | 'createdAt' | 'idleExpiresAt' | 'expiresAt'>

async function insertAudited(
  transaction: RequestTransaction,
  ctx: PublicContext,
  session: NewSession,
): Promise<InsertedSession> {
  const { db } = transaction
  const { id, user, method, amr } = session
  const opened = await insertSession(db, ctx, session)
  if (opened === undefined) throw await refusal(db, ctx.tenant, session)
  if (session.noticed) {
    const origin = { db, transaction, actorId: user.id, requestId: ctx.request.id }
    await enqueueJob(origin, newDeviceMail, { session_id: id })
  }
  if (session.replaces !== undefined) await endSession(db, ctx.request, session.replaces)
  const entry = {
    action: 'auth.signed_in',
    entity: 'sessions',
    entity_id: id,
    actor_id: user.id,
    session_id: id,
    meta: { method, amr, kind: kindOf(session) },
  }
  await transaction.sendWithCommit(auditInsert(db, ctx.request, entry))
  return opened
}

// One statement, one round trip. The membership is locked before the session is inserted: a concurrent
// deactivation or removal waits for the lock and then finds the session. A concurrent change of the user
// moves the epoch, so that a session opened under the old one is not live.
async function insertSession(
  db: Kysely<KernelTables>,
  { request, tenant }: PublicContext,
  session: NewSession,
): Promise<InsertedSession | undefined> {
  const { id, user, times, method, amr, authenticatedAt, wants, jti, mustBeVerified } = session
  const { sourceId = null, cameThrough = [] } = session
  const refreshHash = wants === 'refresh' ? hashSecret(jti) : null
  const { rows } = await sql<InsertedSession>`
    with locked as (
      select m.user_id, ${rolesOfMember} from tenantry.members m
      join tenantry.users u on u.id = m.user_id
      join tenantry.tenants t on t.status = 'active'
      where m.user_id = ${user.id} and m.is_active and u.is_active
        and u.sessions_valid_from = ${user.credentials_epoch}::timestamptz
        and (u.email_verified_at is not null or not ${mustBeVerified})
        and ${isServed(tenant) ?? YES}
      for share of m
    ), member as (
      select * from locked where ${sourceId === null ? YES : isOpen(sourceId)}
    ), ${surplus}, opened as (
      insert into tenantry.sessions
        (id, user_id, user_agent, address, credentials_epoch, idle_expires_at, expires_at, method, amr,
          authenticated_at, kind, origin, source_id, came_through)
      select ${id}, user_id, ${request.userAgent}, ${request.address},
        ${user.credentials_epoch}::timestamptz, ${inSeconds(times.idleSeconds)},
        ${inSeconds(times.maxSeconds)}, ${method}, ${[...amr]}::text[],
        coalesce(${authenticatedAt ?? null}::timestamptz, now()), ${kindOf(session)}, ${tenant.origin}, ${sourceId}::uuid,
        ${[...cameThrough]}::uuid[]
      from member
      returning id, created_at, idle_expires_at, expires_at
    ), token as (
      insert into tenantry.refresh_tokens (hash, session_id, expires_at)
      select given.hash, opened.id, opened.idle_expires_at
      from opened, (select ${refreshHash}::bytea as hash) as given
      where given.hash is not null
    )
    select member.roles, opened.created_at as "createdAt",
      opened.idle_expires_at as "idleExpiresAt", opened.expires_at as "expiresAt"
    from member, opened`.execute(db)
  return rows[0]
}

const YES = sql<boolean>`true`

// The locks: a domain that is detached meanwhile ends the sessions of it that it finds, as a sign-out at the source does.
// In this order: domain, member, session, as those do.
function isServed(tenant: Tenant): RawBuilder<boolean> | undefined {
  if (isInstallationOrigin(tenant)) return undefined
  return sql<boolean>`exists (
    select from tenantry.domains d
    where d.name = ${new URL(tenant.origin).hostname} and d.state in ('verified', 'failing') for share
  )`
}

// Without the comparison of the user PostgreSQL would evaluate it first.
function isOpen(id: string): RawBuilder<boolean> {
  return sql<boolean>`exists (
    select from tenantry.sessions s where s.id = ${id} and s.user_id = locked.user_id and s.revoked_at is null for share
  )`
}

const [rolesOfMember] = roleColumns('m.user_id')

// Each sign-in deletes the member's expired sessions, so that no job has to scan all tenants. Until
// then the used tokens remain, to detect a stolen one. Concurrent sign-ins skip rows that the other has
// locked. The maximum bounds the one statement that revokes all sessions of a member. Ids sort by time.
const surplus = sql`surplus as (
  delete from tenantry.sessions where id in (
    select s.id from tenantry.sessions s
    where s.user_id = (select user_id from member) and (s.expires_at < now() or s.id in (
      select newer.id from tenantry.sessions newer
      where newer.user_id = (select user_id from member)
      order by newer.id desc offset ${sql.lit(MAX_SESSIONS - 1)}
    ))
    for update skip locked
  )
)`

function inSeconds(seconds: number) {
  // Whole seconds, the resolution of a JWT: the row of the token and its claims must agree.
  return sql<string>`date_trunc('second', now()) + make_interval(secs => ${seconds})`
}

function kindOf({ wants }: Opening): 'tokens' | 'cookie' {
  return wants === 'cookie' ? 'cookie' : 'tokens'
}

// Why no session was opened. Row-level security shows one tenant, and only users who are members.
async function refusal(
  db: Kysely<KernelTables>,
  tenant: Tenant,
  { user, mustBeVerified }: NewSession,
): Promise<AppError> {
  const { status, is_served, is_member, is_unverified } = await db
    .selectFrom('tenantry.tenants')
    .select(['status', (isServed(tenant) ?? YES).as('is_served')])
    .select(
      sql<boolean>`exists (
        select from tenantry.members m where m.user_id = ${user.id} and m.is_active
      )`.as('is_member'),
    )
    .select(
      sql<boolean>`exists (
        select from tenantry.users u where u.id = ${user.id} and u.is_active and u.email_verified_at is null
          and u.sessions_valid_from = ${user.credentials_epoch}::timestamptz
      )`.as('is_unverified'),
    )
    .executeTakeFirstOrThrow()
  if (!is_served) return closedTenant(undefined)
  if (status !== 'active') {
    return closedTenant(status === 'suspended' ? { suspended: true } : undefined)
  }
  if (!is_member) return new AppError('forbidden', NO_MEMBER, 'User does not belong to this tenant')
  return mustBeVerified && is_unverified ? unverified() : wrongCredentials()
}

function unverified(): AppError {
  const detail = 'Verify your e-mail address first: a code is mailed to it; sign in with email_code'
  return new AppError('forbidden', UNVERIFIED, detail)
}

interface SessionTimes {
  idleSeconds: number
  maxSeconds: number
}

function timesOf({ config, tokens }: OpenDeps, { wants, authenticatedAt }: Opening): SessionTimes {
  // Without a refresh token a session cannot be extended: it ends with its access token.
  if (wants === 'access') {
    return { idleSeconds: tokens.accessSeconds, maxSeconds: tokens.accessSeconds }
  }
  // A session that is handed over ends with the proof that it rests on.
  const age = authenticatedAt === undefined ? 0 : (Date.now() - authenticatedAt.getTime()) / 1000
  const maxSeconds = Math.max(1, Math.floor(config.SESSION_MAX_DAYS * DAY_SECONDS - age))
  const idleDays = wants === 'cookie' ? config.SESSION_IDLE_DAYS : config.REFRESH_TOKEN_EXPIRE_DAYS
  return { idleSeconds: Math.min(idleDays * DAY_SECONDS, maxSeconds), maxSeconds }
}
