import { z } from 'zod'
import type { GrantRules } from '../../access/permissions.ts'
import { pageOf } from '../../app/list.ts'
import type { KernelPermission } from '../../app/policy.ts'
import { createRoutes, type Route } from '../../app/route.ts'
import type { KernelTables } from '../../db/tables.ts'
import { NewRole, Role, RoleChanges, RoleList, RolePath } from './roles.schema.ts'
import { createRole, deleteRole, findRole, listRoles, systemRoles, updateRole } from './roles.ts'

const { get, post, patch, del } = createRoutes<KernelPermission, never, KernelTables>()

export function roleRoutes(rules: GrantRules): Route[] {
  const { policy } = rules
  return [
    get('/api/permissions', {
      access: 'roles:read',
      summary: 'List all permissions',
      reply: pageOf(z.string()),
      handle: () => ({ items: [...policy.permissions], next_cursor: null }),
    }),
    get('/api/system-roles', {
      access: 'roles:read',
      summary: 'List the system roles',
      reply: pageOf(Role),
      handle: () => ({ items: systemRoles(policy), next_cursor: null }),
    }),
    get('/api/roles', {
      access: 'roles:read',
      summary: 'List the custom roles of the tenant',
      list: RoleList,
      handle: (ctx, { query }) => listRoles(ctx, query),
    }),
    get('/api/roles/:role_id', {
      access: 'roles:read',
      summary: 'Get a custom role',
      params: RolePath,
      reply: Role,
      handle: (ctx, { params }) => findRole(ctx, params.role_id),
    }),
    post('/api/roles', {
      access: 'roles:create',
      summary: 'Create a custom role',
      revokes: true,
      body: NewRole,
      reply: Role,
      status: 201,
      errors: [409],
      handle: (ctx, { body }) => createRole(ctx, rules, body),
    }),
    patch('/api/roles/:role_id', {
      access: 'roles:update',
      summary: 'Change a custom role',
      revokes: true,
      params: RolePath,
      body: RoleChanges,
      reply: Role,
      handle: (ctx, { params, body }) => updateRole(ctx, rules, params.role_id, body),
    }),
    del('/api/roles/:role_id', {
      access: 'roles:delete',
      summary: 'Delete a custom role that no member has',
      revokes: true,
      params: RolePath,
      errors: [409],
      handle: (ctx, { params }) => deleteRole(ctx, rules, params.role_id),
    }),
  ]
}
