import type { Kysely } from 'kysely'
import type { Identity } from '../access/authenticate.ts'
import { authorize } from '../access/authorize.ts'
import { loadActor } from '../access/load_actor.ts'
import { unauthenticated } from '../access/unauthenticated.ts'
import type { Actor, PublicContext } from '../app/context.ts'
import type { Policy } from '../app/policy.ts'
import type { Route } from '../app/route.ts'
import type { KernelTables } from '../db/tables.ts'
import type { Database, RequestTransaction } from '../db/tenancy.ts'
import type { KeyRing } from '../lib/keys.ts'
import { after, type MaybePromise } from '../lib/maybe_promise.ts'
import { auditStatement } from './audit_statement.ts'
import { HandlerContext } from './handler_context.ts'
import { PublicRows } from './public_rows.ts'
import type { ReadyRequest } from './ready_request.ts'

/** A handler's result, and the bytes of the reply where it has a body. */
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

/** Runs a route. A write of an authenticated actor is one transaction together with its audit row. */
export function handleRoute(deps: HandleDeps, ready: ReadyRequest): MaybePromise<Handled> {
  const { identity, served } = ready
  const { route } = served
  if (identity === undefined) return handlePublic(deps, ready)
  return route.method === 'GET'
    ? deps.database.read(ready, (transaction) => {
        const ctx = new HandlerContext(deps, ready, transaction, identity.actor)
        return after(call(route, ctx, ready.input), (result) => {
          ctx.assertCompared()
          return serialized(ready, result)
        })
      })
    : deps.database.write(ready, (transaction) => write(deps, ready, transaction, identity))
}

function handlePublic({ database }: HandleDeps, ready: ReadyRequest): MaybePromise<Handled> {
  const { route } = ready.served
  // Defence in depth: without an authenticated actor only public routes may run.
  if (route.access !== 'public') throw unauthenticated()
  const { tenant, info: request, deadline } = ready
  const ctx = { tenant, request, deadline }
  const reach = route.rows === undefined ? ctx : new PublicRows(database, ready)
  return after(call(route, reach, ready.input), (result) => serialized(ready, result))
}

async function write(
  deps: HandleDeps,
  ready: ReadyRequest,
  transaction: RequestTransaction,
  identity: Identity,
): Promise<Handled> {
  const { route } = ready.served
  const actor = await presentActor(deps, transaction.db, route, identity)
  const ctx = new HandlerContext(deps, ready, transaction, actor)
  const result = await call(route, ctx, ready.input)
  ctx.assertCompared()
  if (route.audit !== undefined) {
    const about = { actor, note: ctx.note, result }
    transaction.sendWithCommit(auditStatement(transaction.db, route.audit, ready, about))
  }
  // Before COMMIT: a reply that does not fit its schema must not be a committed write.
  return serialized(ready, result)
}

// The cache may be a second old. A write reads the permissions in the transaction that it writes in.
async function presentActor(
  { policy }: HandleDeps,
  db: Kysely<KernelTables>,
  route: Route,
  { claims }: Identity,
): Promise<Actor> {
  const present = await loadActor(db, policy, claims)
  if (present === undefined) throw unauthenticated()
  authorize(route, present)
  return present
}

function serialized({ served }: ReadyRequest, result: unknown): Handled {
  return { result, payload: served.serialize?.(result) }
}

// The builders tied context and input to this handler's types, which a stored route has lost.
function call(route: Route, ctx: PublicContext, input: unknown): unknown {
  return route.handle(ctx as never, input as never)
}
