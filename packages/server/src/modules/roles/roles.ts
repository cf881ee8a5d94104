import { sql } from 'kysely'
import type { z } from 'zod'
import { assertCanGrant, type GrantRules, lockGrants } from '../../access/permissions.ts'
import type { TenantContext } from '../../app/context.ts'
import type { Policy } from '../../app/policy.ts'
import { type PageQuery, readPage } from '../../db/pagination.ts'
import type { KernelTables } from '../../db/tables.ts'
import { conflict, notFound, unprocessable } from '../../lib/errors.ts'
import { newId } from '../../lib/ids.ts'
import type { NewRole, RoleChanges } from './roles.schema.ts'

type Context = TenantContext<KernelTables>

/** The custom roles of the tenant. */
export async function listRoles(ctx: Context, query: z.output<typeof PageQuery>) {
  const page = await readPage(ctx.cursors, query, customRoles(ctx), 'r.id')
  return { ...page, items: page.items.map((row) => ({ ...row, is_system: false })) }
}

/** The roles that the app's policy defines, the same for every tenant. */
export function systemRoles({ roles }: Policy) {
  return Object.entries(roles).map(([name, { description, permissions }]) => ({
    id: null,
    name,
    description,
    permissions: [...permissions],
    is_system: true,
  }))
}

/** Throws 404. */
export async function findRole(ctx: Context, id: string) {
  const row = await customRoles(ctx).where('r.id', '=', id).executeTakeFirst()
  if (row === undefined) throw notFound()
  return { ...row, is_system: false }
}

/** Throws 403 for a permission the actor lacks, 409 for a name in use, 422 for an unknown permission. */
export async function createRole(ctx: Context, rules: GrantRules, role: z.output<typeof NewRole>) {
  assertKnown(rules.policy, role.permissions)
  if (role.name in rules.policy.roles) throw conflict('role.exists', 'A system role has this name')
  await lockGrants(ctx, rules)
  assertCanGrant(ctx, rules, role.permissions)
  const id = newId()
  const { name, description } = role
  await ctx.db.insertInto('tenantry.roles').values({ id, name, description }).execute()
  await setPermissions(ctx, id, role.permissions)
  ctx.audit({ entity_id: id, meta: { name, permissions: role.permissions } })
  return findRole(ctx, id)
}

/** Throws 403 if the actor lacks a permission that the role grants before or after the change. */
export async function updateRole(
  ctx: Context,
  rules: GrantRules,
  id: string,
  changes: z.output<typeof RoleChanges>,
) {
  const { permissions, description } = changes
  assertKnown(rules.policy, permissions ?? [])
  await lockGrants(ctx, rules)
  const role = await findRole(ctx, id)
  ctx.requireMatch(role)
  assertCanGrant(ctx, rules, rules.policy.expand([...role.permissions, ...(permissions ?? [])]))
  await ctx.db
    .updateTable('tenantry.roles')
    .set({ ...(description === undefined ? {} : { description }), updated_at: sql`now()` })
    .where('id', '=', id)
    .execute()
  if (permissions !== undefined) {
    await ctx.db.deleteFrom('tenantry.role_permissions').where('role_id', '=', id).execute()
    await setPermissions(ctx, id, permissions)
  }
  ctx.audit({ meta: { ...changes } })
  return findRole(ctx, id)
}

/** Throws 409 while a member has the role: the foreign key of member_roles rejects the DELETE. */
export async function deleteRole(ctx: Context, rules: GrantRules, id: string): Promise<void> {
  await lockGrants(ctx, rules)
  const role = await findRole(ctx, id)
  assertCanGrant(ctx, rules, rules.policy.expand(role.permissions))
  await ctx.db.deleteFrom('tenantry.roles').where('id', '=', id).execute()
  ctx.audit({ meta: { name: role.name } })
}

function customRoles({ db }: Context) {
  return db
    .selectFrom('tenantry.roles as r')
    .select(['r.id', 'r.name', 'r.description', permissionsOfRole.as('permissions')])
}

const permissionsOfRole = sql<string[]>`array(
  select rp.permission from tenantry.role_permissions rp
  where rp.role_id = r.id order by rp.permission
)`

async function setPermissions({ db }: Context, role_id: string, permissions: readonly string[]) {
  if (permissions.length === 0) return
  await db
    .insertInto('tenantry.role_permissions')
    .values([...new Set(permissions)].map((permission) => ({ role_id, permission })))
    .execute()
}

// No patterns: one would silently grant the permissions that a later release adds.
function assertKnown(policy: Policy, permissions: readonly string[]): void {
  const faults = permissions.flatMap((permission, at) =>
    policy.permissions.includes(permission)
      ? []
      : [{ pointer: `/permissions/${at}`, message: `"${permission}" is not a permission` }],
  )
  if (faults.length > 0) throw unprocessable(faults)
}
