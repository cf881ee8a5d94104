import type { Kysely } from 'kysely'
import type { Actor, AuditNote, PublicContext, RequestInfo, Tenant, TenantContext } from '../context.ts'
import type { KernelTables } from '../db/tables.ts'
import type { Doors } from '../db/tenancy.ts'
import type { KeyRing } from '../secrets.ts'
import { byActor, recordAudit } from './audit.ts'
import { cursorsFor } from './cursor.ts'
import { assertMatch, type Serializer } from './reply.ts'
import type { Route } from './route.ts'

/** A request that may run its route: validated, and signed in unless the route is public. */
export interface ReadyRequest {
  route: Route
  serialize: Serializer | undefined
  tenant: Tenant
  actor: Actor | undefined
  info: RequestInfo
  ifMatch: string | undefined
  input: unknown
}

/** Runs a route. Signed-in routes run in their tenant's transaction, together with their audit row. */
export async function handleRoute(
  doors: Doors,
  keys: KeyRing,
  ready: ReadyRequest,
): Promise<unknown> {
  const { route, tenant, actor, info } = ready
  if (actor === undefined) return call(route, { tenant, request: info }, ready.input)
  return doors.inTenant(tenant.id, async (db) => {
    const note: AuditNote = {}
    const ctx: TenantContext<KernelTables> = {
      tenant,
      actor,
      request: info,
      db,
      audit: (added) => Object.assign(note, added),
      cursors: cursorsFor(keys.current.key('cursor'), tenant.id, route.path),
      requireMatch: (current) => assertMatch(ready.ifMatch, ready.serialize?.(current) ?? ''),
    }
    const result = await call(route, ctx, ready.input)
    if (route.audit !== undefined) await auditWrite(db, route.audit, ready, actor, note, result)
    return result
  })
}

// The builders tied context and input to this handler's types; a stored route has forgotten them.
function call(route: Route, ctx: PublicContext, input: unknown): unknown {
  return route.handle(ctx as never, input as never)
}

async function auditWrite(
  db: Kysely<KernelTables>,
  action: string,
  { route, info, input }: ReadyRequest,
  actor: Actor,
  note: AuditNote,
  result: unknown,
): Promise<void> {
  await recordAudit(db, info, {
    action,
    entity: route.path.split('/')[2] ?? '',
    entity_id: lastParam(input) ?? idOf(result) ?? '',
    ...byActor(actor),
    ...note,
  })
}

function lastParam(input: unknown): string | undefined {
  const { params } = input as { params: Record<string, unknown> | undefined }
  const last = Object.values(params ?? {}).at(-1)
  return last === undefined ? undefined : String(last)
}

function idOf(result: unknown): string | undefined {
  return typeof result === 'object' && result !== null && 'id' in result
    ? String(result.id)
    : undefined
}
