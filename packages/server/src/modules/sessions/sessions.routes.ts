import { z } from 'zod'
import type { GrantRules } from '../../access/permissions.ts'
import type { KernelPermission } from '../../app/policy.ts'
import { createRoutes, type Route } from '../../app/route.ts'
import { PageQuery, pageOf } from '../../db/pagination.ts'
import type { KernelTables } from '../../db/tables.ts'
import {
  listSessions,
  listSessionsOf,
  revokeMemberSessions,
  revokeOwnSession,
} from './list_sessions.ts'

const { get, del } = createRoutes<KernelPermission, never, KernelTables>()

const SessionPath = z.object({ session_id: z.uuid() })
const MemberPath = z.object({ user_id: z.uuid() })

const Session = z
  .object({
    id: z.uuid(),
    user_agent: z.string(),
    address: z.string(),
    created_at: z.iso.datetime(),
    last_seen_at: z.iso.datetime(),
    expires_at: z.iso.datetime(),
    is_current: z.boolean().meta({ description: 'Whether this is the session of the request' }),
  })
  .meta({ id: 'Session' })

export function sessionRoutes(rules: GrantRules): Route[] {
  return [
    get('/api/sessions', {
      access: 'member',
      summary: 'List your own active sessions',
      query: PageQuery,
      reply: pageOf(Session),
      handle: (ctx, { query }) => listSessions(ctx, ctx.actor.user.id, query),
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
      query: PageQuery,
      reply: pageOf(Session),
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
