import { z } from 'zod'
import type { TenantContext } from '../../app/context.ts'
import type { KernelPermission } from '../../app/policy.ts'
import { createRoutes, type Route } from '../../app/route.ts'
import { PageQuery, pageOf, readPage } from '../../db/pagination.ts'
import type { KernelTables } from '../../db/tables.ts'

const { get } = createRoutes<KernelPermission, never, KernelTables>()

const AuditLog = z
  .object({
    id: z.uuid(),
    created_at: z.iso.datetime(),
    actor_id: z.uuid().nullable(),
    session_id: z.uuid().nullable(),
    action: z.string().meta({ description: 'What happened: `projects.update`' }),
    entity: z.string(),
    entity_id: z.string(),
    meta: z
      .record(z.string(), z.unknown())
      .meta({ 'x-open': 'each action has details of its own' }),
    request_id: z.string(),
    address: z.string(),
  })
  .meta({ id: 'AuditLog' })

const AuditLogQuery = PageQuery.extend({
  action: z.string().max(128).optional(),
  actor_id: z.uuid().optional(),
})

export function auditLogRoutes(): Route[] {
  return [
    get('/api/audit-logs', {
      access: 'audit_logs:read',
      summary: 'List audit log entries, newest first',
      query: AuditLogQuery,
      reply: pageOf(AuditLog),
      handle: (ctx, { query }) => listAuditLogs(ctx, query),
    }),
  ]
}

function listAuditLogs(ctx: TenantContext<KernelTables>, query: z.output<typeof AuditLogQuery>) {
  let rows = ctx.db
    .selectFrom('tenantry.audit_logs as a')
    .select(['a.id', 'a.created_at', 'a.actor_id', 'a.session_id', 'a.action', 'a.entity'])
    .select(['a.entity_id', 'a.request_id', 'a.address'])
    // A JSON object by construction: only auditInsert writes the column.
    .select((it) => it.ref('a.meta').$castTo<Record<string, unknown>>().as('meta'))
  if (query.action !== undefined) rows = rows.where('a.action', '=', query.action)
  if (query.actor_id !== undefined) rows = rows.where('a.actor_id', '=', query.actor_id)
  return readPage(ctx.cursors, query, rows, 'a.id')
}
