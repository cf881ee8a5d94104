import { z } from 'zod'
import type { TenantContext } from '../../app/context.ts'
import { defineList, type ListQuery } from '../../app/list.ts'
import type { KernelPermission } from '../../app/policy.ts'
import { createRoutes, type Route } from '../../app/route.ts'
import { readList } from '../../db/read_list.ts'
import type { KernelTables } from '../../db/tables.ts'
import { unprocessable } from '../../lib/errors.ts'

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

const time = (description: string) =>
  z.iso.datetime({ offset: true }).optional().meta({ description })

const AuditLogList = defineList(AuditLog, {
  table: 'tenantry.audit_logs',
  as: 'a',
  filters: ['action', 'actor_id', 'entity'],
  sorts: [['-created_at', 'id']],
  params: {
    entity_id: z.string().min(1).max(128).optional().meta({ description: 'Needs `entity` too' }),
    from: time('Only entries of this time and later'),
    to: time('Only entries before this time'),
  },
})

export function auditLogRoutes(): Route[] {
  return [
    get('/api/audit-logs', {
      access: 'audit_logs:read',
      summary: 'List audit log entries, newest first',
      list: AuditLogList,
      handle: (ctx, { query }) => listAuditLogs(ctx, query),
    }),
  ]
}

function listAuditLogs(ctx: TenantContext<KernelTables>, query: ListQuery<typeof AuditLogList>) {
  let rows = ctx.db
    .selectFrom('tenantry.audit_logs as a')
    .select(['a.id', 'a.created_at', 'a.actor_id', 'a.session_id', 'a.action', 'a.entity'])
    .select(['a.entity_id', 'a.request_id', 'a.address'])
    // A JSON object by construction: only auditInsert writes the column.
    .select((it) => it.ref('a.meta').$castTo<Record<string, unknown>>().as('meta'))
  const { entity, entity_id, from, to } = query
  if (entity_id !== undefined && entity === undefined) {
    throw unprocessable([{ pointer: '/query/entity', message: 'is required with entity_id' }])
  }
  if (entity_id !== undefined) rows = rows.where('a.entity_id', '=', entity_id)
  if (from !== undefined) rows = rows.where('a.created_at', '>=', from)
  if (to !== undefined) rows = rows.where('a.created_at', '<', to)
  return readList(ctx, AuditLogList, query, rows)
}
