import { type Expression, type SqlBool, sql } from 'kysely'
import { type GrantRules, holdsAll, permissionsOf, roleColumns } from '../../access/permissions.ts'
import type { TenantContext } from '../../app/context.ts'
import type { KernelTables } from '../../db/tables.ts'
import { notFound, unprocessable } from '../../lib/errors.ts'

type Context = TenantContext<KernelTables>

// A permission that more roles grant is explained by the member's own and the first others.
const MAX_ROLES = 100

/** The permissions of a member, each with the roles that grant it. Throws 404 for no such member. */
export async function listPermissions(ctx: Context, rules: GrantRules, userId: string) {
  const member = await findMemberRoles(ctx, userId)
  const condition = sql<SqlBool>`r.id = any (${member.roleIds}::uuid[])`
  const roles = await rolesWhere(ctx, rules, { condition, member, limit: member.roleIds.length })
  const held = roles.filter((it) => member.has(it))
  const items = rules.policy.permissions.map((permission) => {
    const granted_by = namesOf(held.filter((it) => it.permissions.has(permission)))
    return { permission, allowed: member.isActive && granted_by.length > 0, granted_by }
  })
  return { items: items.filter((it) => it.granted_by.length > 0), next_cursor: null }
}

/**
 * Explains why a member has one permission or lacks it, and whether the actor could grant it by a role.
 * Throws 404 for no such member, 422 for an unknown permission.
 */
export async function explainPermission(
  ctx: Context,
  rules: GrantRules,
  userId: string,
  permission: string,
) {
  const { policy } = rules
  if (!policy.permissions.includes(permission)) {
    throw unprocessable([{ pointer: '/query/permission', message: 'is not a permission' }])
  }
  const member = await findMemberRoles(ctx, userId)
  const grants = sql<SqlBool>`exists (
    select from tenantry.role_permissions g where g.role_id = r.id and g.permission = ${permission}
  )`
  const selection = { condition: grants, member, limit: MAX_ROLES }
  const roles = await rolesWhere(ctx, rules, selection)
  const granting = roles.filter((it) => it.permissions.has(permission))
  const granted_by = namesOf(granting.filter((it) => member.has(it)))
  const item = {
    permission,
    allowed: member.isActive && granted_by.length > 0,
    granted_by,
    // What a role that the member does not have contains is for those who may read roles.
    ...(ctx.actor.permissions.has('roles:read') ? { granting_roles: namesOf(granting) } : {}),
    you_may_grant:
      mayChange(ctx, rules, member) &&
      (granting.some((it) => it.mayGrant) || (await mayGrantAnother(ctx, rules, grants))),
  }
  return { items: [item], next_cursor: null }
}

interface MemberRoles {
  userId: string
  /** Are both the membership and the user active? */
  isActive: boolean
  roleIds: string[]
  permissions(rules: GrantRules): ReadonlySet<string>
  has(role: ExplainedRole): boolean
}

async function findMemberRoles({ db }: Context, userId: string): Promise<MemberRoles> {
  const row = await db
    .selectFrom('tenantry.members as m')
    .innerJoin('tenantry.users as u', 'u.id', 'm.user_id')
    .select(roleColumns('m.user_id'))
    .select(sql<boolean>`m.is_active and u.is_active`.as('is_active'))
    .select(
      sql<string[]>`array(
        select mr.role_id from tenantry.member_roles mr
        where mr.user_id = m.user_id and mr.role_id is not null
      )`.as('role_ids'),
    )
    .where('m.user_id', '=', userId)
    .executeTakeFirst()
  if (row === undefined) throw notFound()
  const { role_ids: roleIds, system_roles: system, is_active: isActive } = row
  return {
    userId,
    isActive,
    roleIds,
    permissions: ({ policy }) => permissionsOf(policy, row),
    has: ({ id, name }) => (id === null ? system.includes(name) : roleIds.includes(id)),
  }
}

interface ExplainedRole {
  /** Null for a system role. */
  id: string | null
  name: string
  permissions: ReadonlySet<string>
  /** Does the actor hold everything that the role grants? */
  mayGrant: boolean
}

interface RoleSelection {
  /** Over the alias r. */
  condition: Expression<SqlBool>
  member: MemberRoles
  limit: number
}

// The system roles, and the tenant's own roles that a condition selects. Those of the member first: what
// the member may do must not depend on how many other roles grant it.
async function rolesWhere(
  ctx: Context,
  rules: GrantRules,
  { condition, member, limit }: RoleSelection,
): Promise<ExplainedRole[]> {
  const own = await ctx.db
    .selectFrom('tenantry.roles as r')
    .select(['r.id', 'r.name'])
    .select(
      sql<string[]>`array(
        select rp.permission from tenantry.role_permissions rp where rp.role_id = r.id
      )`.as('grants'),
    )
    .where(condition)
    .orderBy(sql`r.id = any (${member.roleIds}::uuid[])`, 'desc')
    .orderBy('r.name')
    .limit(limit)
    .execute()
  const system = Object.entries(rules.policy.roles).map(([name, it]) => ({
    id: null,
    name,
    grants: it.permissions,
  }))
  return [...system, ...own].map(({ id, name, grants }) => {
    const permissions = rules.policy.expand(grants)
    const needed = id === null ? [...permissions, `role:${name}`] : permissions
    return { id, name, permissions, mayGrant: holdsAll(ctx, rules, needed) }
  })
}

// Of the roles beyond the first ones, too.
async function mayGrantAnother(
  ctx: Context,
  rules: GrantRules,
  condition: Expression<SqlBool>,
): Promise<boolean> {
  const missing = rules.policy.permissions.filter((it) => !holdsAll(ctx, rules, [it]))
  const role = await ctx.db
    .selectFrom('tenantry.roles as r')
    .select('r.id')
    .where(condition)
    .where(
      sql<SqlBool>`not exists (
        select from tenantry.role_permissions p
        where p.role_id = r.id and p.permission = any (${missing}::text[])
      )`,
    )
    .limit(1)
    .executeTakeFirst()
  return role !== undefined
}

function mayChange(ctx: Context, rules: GrantRules, member: MemberRoles): boolean {
  return (
    member.userId !== ctx.actor.user.id &&
    ctx.actor.permissions.has('members:update') &&
    holdsAll(ctx, rules, member.permissions(rules))
  )
}

function namesOf(roles: readonly ExplainedRole[]): string[] {
  return roles.map((it) => it.name)
}
