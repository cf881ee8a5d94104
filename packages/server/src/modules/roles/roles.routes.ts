import { PageQuery, pageOf } from '../../db/page.ts'
import type { KernelTables } from '../../db/tables.ts'
import { createRoutes, type Route } from '../../http/route.ts'
import type { KernelPermission, Policy } from '../../policy.ts'
import { NewRole, Permissions, Role, RoleChanges, RolePath } from './roles.schema.ts'
import { createRole, deleteRole, findRole, listRoles, updateRole } from './roles.ts'

const { get, post, patch, del } = createRoutes<KernelPermission, never, KernelTables>()

export function roleRoutes(policy: Policy): Route[] {
  return [
    get('/api/permissions', {
      access: 'roles:read',
      summary: 'List every permission there is',
      reply: Permissions,
      handle: () => ({ items: [...policy.permissions] }),
    }),
    get('/api/roles', {
      access: 'roles:read',
      summary: 'List roles: system roles first',
      query: PageQuery,
      reply: pageOf(Role),
      handle: (ctx, { query }) => listRoles(ctx, policy, query),
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
      body: NewRole,
      reply: Role,
      status: 201,
      errors: [409],
      handle: (ctx, { body }) => createRole(ctx, policy, body),
    }),
    patch('/api/roles/:role_id', {
      access: 'roles:update',
      summary: 'Change a custom role',
      params: RolePath,
      body: RoleChanges,
      reply: Role,
      handle: (ctx, { params, body }) => updateRole(ctx, policy, params.role_id, body),
    }),
    del('/api/roles/:role_id', {
      access: 'roles:delete',
      summary: 'Delete a custom role that nobody has',
      params: RolePath,
      errors: [409],
      handle: (ctx, { params }) => deleteRole(ctx, policy, params.role_id),
    }),
  ]
}
