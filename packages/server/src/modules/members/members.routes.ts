import type { GrantRules } from '../../access/permissions.ts'
import type { KernelPermission } from '../../app/policy.ts'
import { createRoutes, type Route } from '../../app/route.ts'
import { PageQuery, pageOf } from '../../db/pagination.ts'
import type { KernelTables } from '../../db/tables.ts'
import { Member, MemberChanges, MemberPath } from './members.schema.ts'
import { findMember, listMembers, removeMember, updateMember } from './members.ts'

const { get, patch, del } = createRoutes<KernelPermission, never, KernelTables>()

export function memberRoutes(rules: GrantRules): Route[] {
  return [
    get('/api/members', {
      access: 'members:read',
      summary: 'List members',
      query: PageQuery,
      reply: pageOf(Member),
      handle: (ctx, { query }) => listMembers(ctx, query),
    }),
    get('/api/members/:user_id', {
      access: 'members:read',
      summary: 'Get a member',
      params: MemberPath,
      reply: Member,
      handle: (ctx, { params }) => findMember(ctx, params.user_id),
    }),
    patch('/api/members/:user_id', {
      access: 'members:update',
      summary: 'Change the roles of a member, or activate or deactivate the membership',
      revokes: true,
      params: MemberPath,
      body: MemberChanges,
      reply: Member,
      handle: (ctx, { params, body }) => updateMember(ctx, rules, params.user_id, body),
    }),
    del('/api/members/:user_id', {
      access: 'members:delete',
      summary: 'Remove a member',
      revokes: true,
      params: MemberPath,
      handle: (ctx, { params }) => removeMember(ctx, rules, params.user_id),
    }),
  ]
}
