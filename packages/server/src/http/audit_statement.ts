import type { CompiledQuery, Kysely } from 'kysely'
import type { Actor, AuditNote } from '../app/context.ts'
import type { Route } from '../app/route.ts'
import { auditInsert, byActor } from '../audit/audit_log.ts'
import type { KernelTables } from '../db/tables.ts'
import type { ReadyRequest } from './ready_request.ts'

const MAX_ENTITY_ID = 128

/** The part of an audit row that the handler decides. */
interface Outcome {
  /** Undefined on public routes. */
  actor: Actor | undefined
  note: AuditNote
  result: unknown
}

/** The statement that writes a request's audit row, which is sent together with COMMIT. */
export function auditStatement(
  db: Kysely<KernelTables>,
  action: string,
  { served: { route }, info, input }: Pick<ReadyRequest, 'served' | 'info' | 'input'>,
  { actor, note, result }: Outcome,
): CompiledQuery {
  return auditInsert(db, info, {
    action,
    entity: route.path.split('/')[2] ?? '',
    entity_id: (lastParam(route, input) ?? idOf(result) ?? '').slice(0, MAX_ENTITY_ID),
    ...(actor === undefined ? {} : byActor(actor)),
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
