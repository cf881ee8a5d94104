import { type Kysely, sql } from 'kysely'
import type { z } from 'zod'
import { assertOwnerRemains, hasOwner } from '../../access/owners.ts'
import {
  assertCanGrant,
  type GrantRules,
  lockGrants,
  permissionsOf,
} from '../../access/permissions.ts'
import type { TenantContext } from '../../app/context.ts'
import type { ListQuery } from '../../app/list.ts'
import type { Policy } from '../../app/policy.ts'
import { readList } from '../../db/read_list.ts'
import type { KernelTables } from '../../db/tables.ts'
import { conflict, notFound, unprocessable } from '../../lib/errors.ts'
import { newId } from '../../lib/ids.ts'
import { type NewRole, type RoleChanges, RoleList } from './roles.schema.ts'

type Context = TenantContext<KernelTables>

/** The custom roles of the tenant. */
export async function listRoles(ctx: Context, query: ListQuery<typeof RoleList>) {
  const page = await readList(ctx, RoleList, query, customRoles(ctx))
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

/**
 * Throws 403 if the actor lacks a permission that the role grants before or after the change, and 409 if no
 * owner would be left: an owner may be the sum of several roles.
 */
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
    const takesAway = role.permissions.some((it) => !permissions.includes(it))
    const hadOwner = takesAway && (await hasOwner(ctx.db, rules.policy))
    await ctx.db.deleteFrom('tenantry.role_permissions').where('role_id', '=', id).execute()
    await setPermissions(ctx, id, permissions)
    if (hadOwner) await assertOwnerRemains(ctx.db, rules.policy)
  }
  ctx.audit({ meta: { ...changes } })
  return findRole(ctx, id)
}

/**
 * Throws 409 while a member has the role: the foreign key of member_roles rejects the DELETE. So a deletion
 * takes no permission away, and no owner.
 */
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

/** A role of the tenant or of the app's policy, as member_roles names it. */
export interface NamedRole {
  role: string
  /** Null for a system role: only custom roles have a row. */
  role_id: string | null
  /** What a custom role grants. A system role grants what the policy says. */
  grants: readonly string[]
}

/** The roles with these names, each once. Throws 422 for a name that neither the tenant nor the app has. */
export async function requireRoles(
  db: Kysely<KernelTables>,
  policy: Policy,
  given: readonly string[],
): Promise<NamedRole[]> {
  const names = [...new Set(given)]
  const custom = await customRolesNamed(
    db,
    names.filter((it) => !(it in policy.roles)),
  )
  const faults = names.flatMap((name, at) =>
    name in policy.roles || custom.has(name)
      ? []
      : [{ pointer: `/roles/${at}`, message: 'is not the name of a role' }],
  )
  if (faults.length > 0) throw unprocessable(faults)
  return names.map((role) => custom.get(role) ?? { role, role_id: null, grants: [] })
}

/** The permissions that these roles add up to. */
export function permissionsOfRoles(
  policy: Policy,
  roles: readonly NamedRole[],
): ReadonlySet<string> {
  return permissionsOf(policy, {
    system_roles: roles.filter((it) => it.role_id === null).map((it) => it.role),
    grants: roles.flatMap((it) => it.grants),
  })
}

async function customRolesNamed(
  db: Kysely<KernelTables>,
  names: readonly string[],
): Promise<Map<string, NamedRole>> {
  if (names.length === 0) return new Map()
  const rows = await db
    .selectFrom('tenantry.roles as r')
    .select(['r.id as role_id', 'r.name as role'])
    .select(
      sql<string[]>`array(
        select rp.permission from tenantry.role_permissions rp where rp.role_id = r.id
      )`.as('grants'),
    )
    .where('r.name', 'in', names)
    .execute()
  return new Map(rows.map((row) => [row.role, row]))
}
