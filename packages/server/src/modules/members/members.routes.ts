import type { GrantRules } from '../../access/permissions.ts'
import { CREDENTIALS_BODY_BYTES } from '../../access/sign_in_limits.ts'
import { pageOf } from '../../app/list.ts'
import type { KernelPermission } from '../../app/policy.ts'
import { createRoutes, type Route } from '../../app/route.ts'
import type { KernelTables } from '../../db/tables.ts'
import { explainPermission, listPermissions } from './explain.ts'
import {
  Member,
  MemberChanges,
  MemberList,
  MemberPath,
  MemberPermission,
  OwnershipTransfer,
  PermissionQuery,
  RoleMemberList,
  RolePath,
} from './members.schema.ts'
import {
  findMember,
  leaveTenant,
  listMembers,
  listRoleMembers,
  removeMember,
  updateMember,
} from './members.ts'
import { transferOwnership } from './ownership.ts'

const { get, post, patch, del } = createRoutes<KernelPermission, never, KernelTables>()

export function memberRoutes(rules: GrantRules): Route[] {
  return [...readRoutes(rules), ...changeRoutes(rules), ...ownRoutes(rules)]
}

function readRoutes(rules: GrantRules): Route[] {
  return [
    get('/api/members', {
      access: 'members:read',
      summary: 'List members',
      list: MemberList,
      handle: (ctx, { query }) => listMembers(ctx, query),
    }),
    get('/api/members/:user_id', {
      access: 'members:read',
      summary: 'Get a member',
      params: MemberPath,
      reply: Member,
      handle: (ctx, { params }) => findMember(ctx, params.user_id),
    }),
    get('/api/members/:user_id/permissions', {
      access: 'members:read',
      summary: "List a member's permissions and the roles they come from",
      params: MemberPath,
      query: PermissionQuery,
      reply: pageOf(MemberPermission),
      handle: (ctx, { params: { user_id }, query: { permission } }) =>
        permission === undefined
          ? listPermissions(ctx, rules, user_id)
          : explainPermission(ctx, rules, user_id, permission),
    }),
    get('/api/roles/:role_id/members', {
      access: 'members:read',
      summary: 'List the members who have a custom role',
      params: RolePath,
      list: RoleMemberList,
      handle: (ctx, { params, query }) => listRoleMembers(ctx, params.role_id, query),
    }),
  ]
}

function changeRoutes(rules: GrantRules): Route[] {
  return [
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

function ownRoutes(rules: GrantRules): Route[] {
  return [
    del('/api/account/membership', {
      access: 'member',
      summary: 'Leave the tenant',
      audit: 'members.leave',
      revokes: true,
      handle: (ctx) => leaveTenant(ctx, rules),
    }),
    post('/api/ownership-transfers', {
      access: 'tenant:transfer',
      summary: 'Make another member the owner in your place',
      audit: 'ownership.transfer',
      assurance: true,
      revokes: true,
      bodyLimit: CREDENTIALS_BODY_BYTES,
      body: OwnershipTransfer,
      status: 204,
      handle: (ctx, { body }) => transferOwnership(ctx, rules, body.user_id),
    }),
  ]
}
