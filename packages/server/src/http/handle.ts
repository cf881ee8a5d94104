import type { CompiledQuery, Kysely } from 'kysely'
import { authorize } from '../access/authorize.ts'
import { loadActor, unauthenticated } from '../access/session_lookup.ts'
import type { Actor, AuditNote, PublicContext } from '../app/context.ts'
import type { Policy } from '../app/policy.ts'
import type { Route } from '../app/route.ts'
import { auditInsert, byActor } from '../audit/audit_log.ts'
import type { KernelTables } from '../db/tables.ts'
import type { Database, RequestTransaction } from '../db/tenancy.ts'
import type { KeyRing } from '../lib/keys.ts'
import { after, type MaybePromise } from '../lib/maybe_promise.ts'
import { HandlerContext } from './handler_context.ts'
import type { ReadyRequest, SignedIn } from './request_state.ts'

/** What running a route gives: its result, and the bytes of the reply where it has a body. */
export interface Handled {
  result: unknown
  payload: string | undefined
}

/** What handling needs. */
export interface HandleDeps {
  database: Database
  keys: KeyRing
  policy: Policy
}

const MAX_ENTITY_ID = 128

/** Runs a route. Signed-in routes run in their tenant's transaction, together with their audit row. */
export function handleRoute(deps: HandleDeps, ready: ReadyRequest): MaybePromise<Handled> {
  const { tenant, info, deadline, signedIn } = ready
  const { route } = ready.served
  if (signedIn === undefined) {
    // However it came here: whom nobody recognised is no member.
    if (route.access !== 'public') throw unauthenticated()
    const result = call(route, { tenant, request: info, deadline: deadline }, ready.input)
    return after(result, (it) => serialized(ready, it))
  }
  return route.method === 'GET'
    ? deps.database.read(ready, (unit) =>
        read(new HandlerContext(deps, ready, unit, signedIn.actor), ready),
      )
    : deps.database.write(ready, (unit) => write(deps, ready, unit, signedIn))
}

function read(ctx: HandlerContext, ready: ReadyRequest): MaybePromise<Handled> {
  return after(call(ready.served.route, ctx, ready.input), (result) => {
    ctx.assertCompared()
    return serialized(ready, result)
  })
}

async function write(
  deps: HandleDeps,
  ready: ReadyRequest,
  unit: RequestTransaction,
  signedIn: SignedIn,
): Promise<Handled> {
  const { input } = ready
  const { route } = ready.served
  const actor = await presentActor(deps, unit.db, route, signedIn)
  const ctx = new HandlerContext(deps, ready, unit, actor)
  const result = await call(route, ctx, input)
  ctx.assertCompared()
  if (route.audit !== undefined) {
    unit.sendWithCommit(auditRow(unit.db, route.audit, ready, actor, ctx.note, result))
  }
  // Here and not after COMMIT: a reply that does not fit its schema must not be a done write.
  return serialized(ready, result)
}

// What memory says may be a second old. A write asks the database, in the transaction that it writes
// in.
async function presentActor(
  { policy }: HandleDeps,
  db: Kysely<KernelTables>,
  route: Route,
  { claims }: SignedIn,
): Promise<Actor> {
  const present = await loadActor(db, policy, claims)
  if (present === undefined) throw unauthenticated()
  authorize(route, present)
  return present
}

function serialized({ served }: ReadyRequest, result: unknown): Handled {
  return { result, payload: served.serialize?.(result) }
}

// The builders tied context and input to this handler's types; a stored route has forgotten them.
function call(route: Route, ctx: PublicContext, input: unknown): unknown {
  return route.handle(ctx as never, input as never)
}

function auditRow(
  db: Kysely<KernelTables>,
  action: string,
  { served: { route }, info, input }: ReadyRequest,
  actor: Actor,
  note: AuditNote,
  result: unknown,
): CompiledQuery {
  return auditInsert(db, info, {
    action,
    entity: route.path.split('/')[2] ?? '',
    entity_id: (lastParam(route, input) ?? idOf(result) ?? '').slice(0, MAX_ENTITY_ID),
    ...byActor(actor),
    ...note,
  })
}

function lastParam({ path }: Route, input: unknown): string | undefined {
  const [, name] = /:(\w+)[^:]*$/.exec(path) ?? []
  const { params } = input as { params: Record<string, unknown> | undefined }
  const value = name === undefined ? undefined : params?.[name]
  return value === undefined ? undefined : String(value)
}

function idOf(result: unknown): string | undefined {
  return typeof result === 'object' && result !== null && 'id' in result
    ? String(result.id)
    : undefined
}
