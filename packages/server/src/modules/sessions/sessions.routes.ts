import { z } from 'zod'
import type { GrantRules } from '../../access/permissions.ts'
import type { KernelPermission } from '../../app/policy.ts'
import { createRoutes, type Route } from '../../app/route.ts'
import type { KernelTables } from '../../db/tables.ts'
import {
  listSessions,
  listSessionsOf,
  revokeMemberSessions,
  revokeOtherSessions,
  revokeOwnSession,
} from './list_sessions.ts'
import { SessionList } from './sessions.schema.ts'

const { get, del } = createRoutes<KernelPermission, never, KernelTables>()

const SessionPath = z.object({ session_id: z.uuid() })
const MemberPath = z.object({ user_id: z.uuid() })

export function sessionRoutes(rules: GrantRules): Route[] {
  return [
    get('/api/sessions', {
      access: 'member',
      summary: 'List your own active sessions',
      list: SessionList,
      handle: (ctx, { query }) => listSessions(ctx, ctx.actor.user.id, query),
    }),
    del('/api/sessions', {
      access: 'member',
      summary: 'Revoke all of your other sessions in this tenant',
      revokes: true,
      audit: 'sessions.delete',
      handle: revokeOtherSessions,
    }),
    del('/api/sessions/:session_id', {
      access: 'member',
      summary: 'Revoke one of your own sessions',
      revokes: true,
      audit: 'sessions.delete',
      params: SessionPath,
      handle: (ctx, { params }) => revokeOwnSession(ctx, params.session_id),
    }),
    get('/api/members/:user_id/sessions', {
      access: 'sessions:read',
      summary: "List a member's active sessions",
      params: MemberPath,
      list: SessionList,
      handle: (ctx, { params, query }) => listSessionsOf(ctx, params.user_id, query),
    }),
    del('/api/members/:user_id/sessions', {
      access: 'sessions:delete',
      summary: "Revoke all of a member's sessions",
      revokes: true,
      params: MemberPath,
      handle: (ctx, { params }) => revokeMemberSessions(ctx, rules, params.user_id),
    }),
  ]
}
