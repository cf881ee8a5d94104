import { createHash } from 'node:crypto'
import { type Kysely, sql } from 'kysely'
import type { CookieContext } from '../../access/credentials/cookie_exchange.ts'
import { appOrigin, assertAcceptsCredentials } from '../../access/installation_origin.ts'
import { assertGlobalScope } from '../../access/realm.ts'
import { unauthenticated } from '../../access/unauthenticated.ts'
import type { BaseContext, TenantContext } from '../../app/context.ts'
import { KnownUrl } from '../../app/replies.ts'
import { sessionIdOf } from '../../app/session_id_of.ts'
import { recordAudit } from '../../audit/audit_log.ts'
import type { KernelTables } from '../../db/tables.ts'
import { AppError, notFound, unprocessable } from '../../lib/errors.ts'
import { hashSecret, randomSecret } from '../../lib/keys.ts'
import { originOnDomain } from '../../tenancy/find_tenant.ts'
import { type OpenedSession, openSession } from '../sessions/open_session.ts'
import type { SignInDeps } from '../sessions/sign_in_deps.ts'
import {
  addSecret,
  invalidToken,
  lockUserOf,
  replaceSecret,
  type UsedSecret,
  useSecret,
} from '../single_use_secrets/single_use_secrets.ts'
import { subdomainOf, workspacesOf } from '../tenants/tenants.ts'

/** What a hand-over needs. */
export type HandOverDeps = SignInDeps

type Context = TenantContext<KernelTables>

// The browser goes there immediately.
const CODE_MINUTES = 1
const RECEIPT_MINUTES = 10
// The person may have to sign in first.
const BEGUN_MINUTES = 30
// A person goes to and fro between tenants.
const MAX_HOPS = 20

const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/

/**
 * Begins a hand-over in the browser that it will sign in, which keeps the verifier and the path to go to. Returns its
 * challenge. Throws 403 and 422.
 */
export function beginHandOver(
  ctx: CookieContext,
  { from, next }: { from: string; next: string },
): { challenge: string } {
  ctx.cookies.assertMayOpen()
  if (!LABEL.test(from)) {
    throw unprocessable([{ pointer: '/from', message: 'must be a subdomain, or sign-up' }])
  }
  const verifier = randomSecret()
  const path = Buffer.from(next).toString('base64url')
  ctx.cookies.keepVerifier(`${verifier}.${from}.${path}`, BEGUN_MINUTES * 60)
  return { challenge: challengeOf(verifier) }
}

/**
 * Where another tenant of the signed-in person, or a custom domain of one, opens a session, with a code that works once,
 * within a minute, at that host, and for the browser that has the verifier of the challenge only: a link alone signs no
 * browser in. By a cookie and a navigation only: a bearer token opens one tenant, and a script could use the code
 * elsewhere. Never from a custom domain. Throws 403, 404 for a tenant that the person does not belong to, for a domain
 * that does not lead to it, and under the scope `tenant`.
 */
export async function createHandOver(
  deps: HandOverDeps,
  ctx: Context,
  { to, challenge, domain }: { to: string; challenge: string; domain?: string | undefined },
  assertNavigated: () => void,
): Promise<KnownUrl> {
  assertGlobalScope(deps.config)
  assertAcceptsCredentials(ctx.tenant)
  const session = await browserSession(ctx)
  assertNavigated()
  const { id: userId } = ctx.actor.user
  const { deadline } = ctx
  const own = await deps.database.asIdentity({ deadline }, (db) => workspacesOf(db, userId))
  const target = own.find((it) => it.id === to)
  if (target === undefined) throw notFound()
  if (domain !== undefined && !target.domains.includes(domain)) throw notFound()
  const proof = {
    amr: session.amr.join(' '),
    authenticated_at: session.authenticated_at,
    came_through: [...session.came_through, session.id].slice(-MAX_HOPS).join(' '),
  }
  const home = issuerOf(deps.config, target.subdomain)
  const at = domain === undefined ? home : originOnDomain(home, domain)
  ctx.audit({ entity_id: to, meta: { to: target.subdomain, ...(domain && { domain }) } })
  const scope = { tenant: { id: to }, deadline }
  return deps.database.asIdentity(scope, async (db) => {
    await lockUserAt(db, userId, session.credentials_epoch)
    // They end together: the person thinks of one place.
    const source = domain && (to === ctx.tenant.id ? session.id : await lastOf(db, userId, proof))
    const all = { ...proof, ...(source !== undefined && { source_id: source }) }
    return issue(db, { at, userId, challenge, proof: all, origin: ctx.tenant.issuer })
  })
}

/** Adds the receipt of a new tenant's owner, in the transaction that creates the tenant. */
export async function addReceipt(
  { config }: Pick<HandOverDeps, 'config'>,
  db: Kysely<KernelTables>,
  userId: string,
): Promise<string> {
  const token = randomSecret()
  const receipt = { kind: 'sign_up', channel: 'hand', minutes: RECEIPT_MINUTES } as const
  await addSecret(db, { ...receipt, origin: appOrigin(config), userId, token })
  return token
}

/** The same for a new tenant, for the browser that signed up. Throws 400 for the receipt. */
export async function exchangeReceipt(
  deps: HandOverDeps,
  { deadline }: BaseContext,
  { to: id, receipt, challenge }: { to: string; receipt: string; challenge: string },
): Promise<KnownUrl> {
  const hash = hashSecret(receipt)
  return deps.database.asIdentity({ tenant: { id }, deadline }, async (db) => {
    await lockUserOf(db, hash)
    const used = await useSecret(db, 'sign_up', hash)
    const subdomain = used && (await subdomainOf(db, id))
    if (used === undefined || subdomain === undefined) throw invalidToken()
    const proof = { amr: 'pwd', authenticated_at: new Date().toISOString() }
    const [origin, at] = [appOrigin(deps.config), issuerOf(deps.config, subdomain)]
    return issue(db, { at, userId: used.user_id, challenge, proof, origin })
  })
}

/**
 * Opens a session with the code of a hand-over, for the browser that began it. The tenant's own rules decide, as at each
 * way in. Returns the path to go to. Throws 400 for the code or the verifier, and what openSession throws.
 */
export async function redeemHandOver(
  deps: HandOverDeps,
  ctx: CookieContext,
  code: string,
): Promise<{ opened: OpenedSession; next: string }> {
  const used = await deps.database.asIdentity(ctx, (db) => redeem(deps, db, ctx, code))
  if (used === undefined) {
    deps.rejections.record(ctx.tenant.id, ctx.request, { action: 'hand_overs.refuse' })
    throw invalidToken()
  }
  const { amr, authenticated_at, source_id, came_through } = used.data as Partial<Proof>
  const user = { id: used.user_id, credentials_epoch: used.credentials_epoch }
  const opened = await openSession(deps, ctx, user, {
    method: 'hand_over',
    amr: wordsOf(amr),
    ...(authenticated_at === undefined ? {} : { authenticatedAt: new Date(authenticated_at) }),
    wants: 'cookie',
    replaces: ctx.cookies.carried,
    sourceId: source_id,
    cameThrough: wordsOf(came_through),
  })
  ctx.cookies.keepVerifier('', 0)
  return { opened, next: begunWith(ctx).next }
}

interface BrowserSession {
  id: string
  amr: string[]
  /** users.sessions_valid_from as text when it was opened. */
  credentials_epoch: string
  authenticated_at: string
  came_through: string[]
}

/** What a code says about the session that it was issued by. */
interface Proof {
  amr: string
  authenticated_at: string
  source_id?: string
  came_through?: string
}

function wordsOf(text = ''): string[] {
  return text.split(' ').filter((it) => it !== '')
}

// The value of a cookie is no bearer token, and a session of one kind is no session of the other.
async function browserSession({ db, actor, tenant }: Context): Promise<BrowserSession> {
  const session = await db
    .selectFrom('tenantry.sessions')
    .select(['id', 'amr', 'authenticated_at', 'came_through'])
    .select(sql<string>`credentials_epoch::text`.as('credentials_epoch'))
    .where('id', '=', sessionIdOf(actor) ?? null)
    .where('kind', '=', 'cookie')
    .where('origin', '=', tenant.issuer)
    .executeTakeFirst()
  if (session !== undefined) return session
  const detail = "Only a browser session at the tenant's own origin can be handed over"
  throw new AppError('forbidden', 'hand_over.cookie_required', detail)
}

// The session of the tenant's subdomain through which the person came to another tenant, and from there back to a domain of
// the tenant. Ids sort by time.
async function lastOf(
  db: Kysely<KernelTables>,
  userId: string,
  { came_through }: { came_through: string },
): Promise<string | undefined> {
  const session = await db
    .selectFrom('tenantry.sessions')
    .select('id')
    .where('id', '=', sql<string>`any(${wordsOf(came_through)}::uuid[])`)
    .where('user_id', '=', userId)
    .where('revoked_at', 'is', null)
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst()
  return session?.id
}

// A change of the password that commits meanwhile ends this session: it must void the code, too.
async function lockUserAt(db: Kysely<KernelTables>, id: string, epoch: string): Promise<void> {
  const user = await db
    .selectFrom('tenantry.users')
    .select('id')
    .where('id', '=', id)
    .where(sql<boolean>`sessions_valid_from = ${epoch}::timestamptz`)
    .forNoKeyUpdate()
    .executeTakeFirst()
  if (user === undefined) throw unauthenticated()
}

interface Issued {
  /** The origin that may redeem the code. */
  at: string
  userId: string
  challenge: string
  proof: Proof
  /** The origin that issues it. */
  origin: string
}

async function issue(
  db: Kysely<KernelTables>,
  { at, userId, challenge, proof, origin }: Issued,
): Promise<KnownUrl> {
  const token = randomSecret()
  const code = { kind: 'hand_over', channel: 'hand', minutes: CODE_MINUTES } as const
  await replaceSecret(db, { ...code, origin, userId, token, data: { challenge, at, ...proof } })
  return new KnownUrl(`${at}/api/hand-over-redemptions?${new URLSearchParams({ code: token })}`)
}

function issuerOf({ PUBLIC_ORIGIN }: HandOverDeps['config'], subdomain: string): string {
  return PUBLIC_ORIGIN.replaceAll('{tenant}', subdomain)
}

// What this browser keeps of the hand-over that it has begun.
function begunWith({ cookies }: CookieContext) {
  const [verifier = '', from = '', path = ''] = cookies.verifier?.split('.') ?? []
  return { verifier, from, next: Buffer.from(path, 'base64url').toString() || '/console' }
}

// A link can send the page to a host of no tenant, whose server then knows the challenge. A code that another tenant
// issued for that challenge belongs to another client.
function originOf(config: HandOverDeps['config'], from: string): string {
  return from === 'sign-up' ? appOrigin(config) : issuerOf(config, from)
}

// A wrong verifier uses nothing up: the browser that has the right one can still redeem the code.
async function redeem(
  { config }: HandOverDeps,
  db: Kysely<KernelTables>,
  ctx: CookieContext,
  code: string,
): Promise<UsedSecret | undefined> {
  const hash = hashSecret(code)
  await lockUserOf(db, hash)
  const { verifier, from } = begunWith(ctx)
  const meant = await db
    .selectFrom('tenantry.single_use_secrets')
    .select('hash')
    .where('hash', '=', hash)
    .where(sql<boolean>`data ->> 'challenge' = ${challengeOf(verifier)}`)
    .where(sql<boolean>`data ->> 'at' = ${ctx.tenant.origin}`)
    .where('origin', '=', originOf(config, from))
    .executeTakeFirst()
  const used = meant && (await useSecret(db, 'hand_over', hash))
  if (used === undefined) return undefined
  const about = { entity: 'users', entity_id: used.user_id, actor_id: used.user_id }
  await recordAudit(db, ctx.request, { action: 'hand_overs.redeem', ...about })
  return used
}

// BASE64URL(SHA-256(verifier)), as in PKCE (RFC 7636, 4.2).
function challengeOf(verifier: string): string {
  return createHash('sha256').update(verifier).digest('base64url')
}
