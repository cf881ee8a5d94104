import type { Kysely } from 'kysely'
import type { Identity } from '../access/authenticate.ts'
import { authorize } from '../access/authorize.ts'
import { loadActor } from '../access/load_actor.ts'
import { unauthenticated } from '../access/unauthenticated.ts'
import type {
  Actor,
  AuditNote,
  Cursors,
  PublicContext,
  RequestInfo,
  Tenant,
  TenantContext,
} from '../app/context.ts'
import type { Enqueue } from '../app/jobs/job.ts'
import type { Policy } from '../app/policy.ts'
import { ReplyWithCookies, replyOf } from '../app/replies.ts'
import type { Route } from '../app/route.ts'
import type { KernelTables } from '../db/tables.ts'
import type { Database, RequestTransaction } from '../db/tenancy.ts'
import { enqueueIn, type JobSignal } from '../jobs/enqueue.ts'
import type { Deadline } from '../lib/deadline.ts'
import type { KeyRing } from '../lib/keys.ts'
import { after, type MaybePromise } from '../lib/maybe_promise.ts'
import { setAppCookies } from './app_cookies.ts'
import { auditStatement } from './audit_statement.ts'
import { PersonRows } from './person_rows.ts'
import { PublicRows } from './public_rows.ts'
import type { ReadyRequest } from './ready_request.ts'
import { cursorsFor, listOf } from './request/cursor.ts'
import { IfMatch } from './request/if_match.ts'
import { WRITTEN } from './response/own_writes.ts'

/** A handler's result, and the bytes of the reply where it has a body. */
export interface Handled {
  result: unknown
  payload: string | undefined
  /** Set-Cookie values of the app. */
  cookies: readonly string[] | undefined
}

export interface HandleDeps {
  database: Database
  keys: KeyRing
  policy: Policy
  /** Checks the password that a route with `assurance` asks for. Throws 422, 403, 429 or 503. */
  confirmPassword(ctx: PublicContext & { actor: Actor }, password: string): Promise<unknown>
  /** Notified when a request has committed jobs. */
  jobs: JobSignal
}

/** Runs a route. A write of an authenticated actor is one transaction together with its audit row. */
export function handleRoute(deps: HandleDeps, ready: ReadyRequest): MaybePromise<Handled> {
  const { identity, served } = ready
  const { route } = served
  if (identity === undefined) return handlePublic(deps, ready)
  if (route.person) return handlePerson(deps, ready, identity)
  if (route.assurance) {
    return confirm(deps, ready, identity).then(() => writeRoute(deps, ready, identity))
  }
  return route.method === 'GET'
    ? readRoute(deps, ready, identity)
    : writeRoute(deps, ready, identity)
}

function readRoute(
  deps: HandleDeps,
  ready: ReadyRequest,
  { actor }: Identity,
): MaybePromise<Handled> {
  const { database } = deps
  const read = ready.headers[WRITTEN] === undefined ? database.readReplica : database.read
  return read(ready, (transaction) => {
    const ctx = new HandlerContext(deps, ready, transaction, actor)
    return after(call(ready.served.route, ctx, ready.input), (result) => {
      ctx.assertCompared()
      return serialized(ready, result)
    })
  })
}

// Before the transaction begins: the check of a password is slow, and must not hold a connection.
async function confirm(deps: HandleDeps, ready: ReadyRequest, { actor }: Identity): Promise<void> {
  const { tenant, info: request, deadline, input } = ready
  // checkRoutes requires the field of such a route, and the body has been validated.
  const { current_password } = input.body as { current_password: string }
  await deps.confirmPassword({ tenant, request, deadline, actor }, current_password)
}

function writeRoute(deps: HandleDeps, ready: ReadyRequest, identity: Identity): Promise<Handled> {
  return deps.database.write(ready, (transaction) => write(deps, ready, transaction, identity))
}

function handlePublic({ database, jobs }: HandleDeps, ready: ReadyRequest): MaybePromise<Handled> {
  const { route } = ready.served
  // Defence in depth: without an authenticated actor only public routes may run.
  if (route.access !== 'public') throw unauthenticated()
  const { tenant, info: request, deadline, cookies } = ready
  const ctx = cookies ? { tenant, request, deadline, cookies } : { tenant, request, deadline }
  const reach = route.rows === undefined ? ctx : new PublicRows(database, jobs, ready)
  return after(call(route, reach, ready.input), (result) => serialized(ready, result))
}

// The handler opens its own transaction: it may have to check or to hash a password first.
function handlePerson(
  { database, jobs }: HandleDeps,
  ready: ReadyRequest,
  { actor }: Identity,
): MaybePromise<Handled> {
  const ctx = new PersonRows(database, jobs, ready, actor)
  return after(call(ready.served.route, ctx, ready.input), (result) => serialized(ready, result))
}

async function write(
  deps: HandleDeps,
  ready: ReadyRequest,
  transaction: RequestTransaction,
  identity: Identity,
): Promise<Handled> {
  const { route } = ready.served
  const actor = await currentActor(deps, transaction.db, route, identity)
  const ctx = new HandlerContext(deps, ready, transaction, actor)
  const result = await call(route, ctx, ready.input)
  ctx.assertCompared()
  if (route.audit !== undefined) {
    const about = { actor, note: ctx.note, result: replyOf(result) }
    await transaction.sendWithCommit(auditStatement(transaction.db, route.audit, ready, about))
  }
  // Before COMMIT: a write whose reply does not match its schema must be rolled back.
  return serialized(ready, result)
}

// The cache may be up to one second old, so a write loads the permissions in its own transaction.
async function currentActor(
  { policy }: HandleDeps,
  db: Kysely<KernelTables>,
  route: Route,
  { claims }: Identity,
): Promise<Actor> {
  const current = await loadActor(db, policy, claims)
  if (current === undefined) throw unauthenticated()
  authorize(route, current)
  return current
}

function serialized({ served }: ReadyRequest, given: unknown): Handled {
  const cookies =
    given instanceof ReplyWithCookies ? setAppCookies(served.route, given.cookies) : undefined
  const result = replyOf(given)
  return { result, payload: served.serialize?.(result), cookies }
}

// The route builders checked the types of context and input, which a stored route no longer has.
function call(route: Route, ctx: PublicContext, input: unknown): unknown {
  return route.handle(ctx as never, input as never)
}

// A GET has no COMMIT, and adds no job.
type HandlerTransaction = Pick<RequestTransaction, 'db'> &
  Partial<Pick<RequestTransaction, 'onCommit' | 'sendWithCommit'>>

/**
 * The context of a handler for an authenticated request. Most handlers use few of its parts, so each part
 * is created at its first use.
 */
class HandlerContext implements TenantContext<KernelTables> {
  readonly tenant: Tenant
  readonly request: RequestInfo
  readonly deadline: Deadline
  readonly actor: Actor
  readonly #keys: KeyRing
  readonly #jobs: JobSignal
  readonly #ready: ReadyRequest
  readonly #transaction: HandlerTransaction
  #note: AuditNote | undefined
  #ifMatch: IfMatch | undefined

  constructor(
    { keys, jobs }: Pick<HandleDeps, 'keys' | 'jobs'>,
    ready: ReadyRequest,
    transaction: HandlerTransaction,
    actor: Actor,
  ) {
    this.tenant = ready.tenant
    this.request = ready.info
    this.deadline = ready.deadline
    this.actor = actor
    this.#keys = keys
    this.#jobs = jobs
    this.#ready = ready
    this.#transaction = transaction
  }

  get db(): Kysely<KernelTables> {
    return this.#transaction.db
  }

  get cursors(): Cursors {
    const { served, input } = this.#ready
    return cursorsFor(this.#keys, this.tenant.id, listOf(served.route, input))
  }

  // Functions and not methods: a handler may destructure them.
  get audit(): (note: AuditNote) => void {
    return (added) => {
      this.#note = { ...this.#note, ...added }
    }
  }

  get enqueue(): Enqueue {
    const origin = () => ({
      db: this.db,
      transaction: this.#transaction,
      actorId: this.actor.user.id,
      requestId: this.request.id,
    })
    return enqueueIn(origin, () => this.#transaction.onCommit?.(() => this.#jobs.notify()))
  }

  get requireMatch(): (current: unknown) => void {
    return (current) => this.#condition().compare(current)
  }

  /** What the handler added to its audit row. */
  get note(): AuditNote {
    return this.#note ?? {}
  }

  /** Throws 400 if the client sent an If-Match and the handler did not compare it. */
  assertCompared(): void {
    if (this.#ready.headers['if-match'] !== undefined) this.#condition().assertCompared()
  }

  #condition(): IfMatch {
    const { headers, served } = this.#ready
    this.#ifMatch ??= new IfMatch(headers['if-match'], served.serializeForEtag)
    return this.#ifMatch
  }
}
