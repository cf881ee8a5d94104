import type { CompiledQuery, Kysely } from 'kysely'
import type { Actor, AuditNote, RequestInfo } from '../app/context.ts'
import { sessionIdOf } from '../app/session_id_of.ts'
import { compiledQuery } from '../db/compiled_query.ts'
import type { KernelTables } from '../db/tables.ts'

/** One row of the audit log. Never put a secret in `meta`. */
export interface AuditEntry extends AuditNote {
  action: string
  entity?: string
  actor_id?: string
  session_id?: string
  /** Set only by `acrossTenants`. Other scopes take it from the tenant of the transaction. */
  tenant_id?: string
}

/** Writes an audit row in the transaction of the change it records: they commit or fail together. */
export async function recordAudit(
  db: Kysely<KernelTables>,
  request: RequestInfo,
  entry: AuditEntry,
): Promise<void> {
  await db.executeQuery(auditInsert(db, request, entry))
}

/** The same for several rows of one transaction. */
export async function recordAudits(
  db: Kysely<KernelTables>,
  request: RequestInfo,
  entries: readonly AuditEntry[],
): Promise<void> {
  await db
    .insertInto('tenantry.audit_logs')
    .values(entries.map((it) => rowOf(request, it)))
    .execute()
}

/** Builds the statement that writes an audit row. */
export function auditInsert(
  db: Kysely<KernelTables>,
  request: RequestInfo,
  entry: AuditEntry,
): CompiledQuery {
  const row = rowOf(request, entry)
  const { tenant_id } = entry
  return tenant_id === undefined
    ? insertRow(db, row)
    : db
        .insertInto('tenantry.audit_logs')
        .values({ ...row, tenant_id })
        .compile()
}

type Row = Record<'action' | 'entity' | 'entity_id' | 'meta' | 'request_id' | 'address', string> &
  Record<'actor_id' | 'session_id', string | null>

function rowOf(request: RequestInfo, entry: AuditEntry): Row {
  return {
    action: entry.action,
    entity: entry.entity ?? '',
    entity_id: entry.entity_id ?? '',
    actor_id: entry.actor_id ?? null,
    session_id: entry.session_id ?? null,
    meta: JSON.stringify(entry.meta ?? {}),
    request_id: request.id,
    address: request.address,
  }
}

const insertRow = compiledQuery((db, row: Row) => db.insertInto('tenantry.audit_logs').values(row))

/** The fields of an audit entry that name the actor. */
export function byActor(actor: Actor): Pick<AuditEntry, 'actor_id' | 'session_id'> {
  const session_id = sessionIdOf(actor)
  return { actor_id: actor.user.id, ...(session_id === undefined ? {} : { session_id }) }
}
