import { type Kysely, sql } from 'kysely'
import type { z } from 'zod'
import {
  assertCanGrant,
  type GrantRules,
  lockMemberGrants,
  permissionsOf,
  type RoleColumns,
  roleColumns,
} from '../../access/permissions.ts'
import type { TenantContext } from '../../app/context.ts'
import { type PageQuery, readPage } from '../../db/pagination.ts'
import type { KernelTables } from '../../db/tables.ts'
import { AppError, notFound, unprocessable } from '../../lib/errors.ts'
import { revokeSessionsOf } from '../sessions/sessions.ts'
import type { MemberChanges } from './members.schema.ts'

type Context = TenantContext<KernelTables>

export function listMembers(ctx: Context, query: z.output<typeof PageQuery>) {
  return readPage(ctx.cursors, query, members(ctx), 'm.user_id')
}

/** Throws 404. */
export async function findMember(ctx: Context, userId: string) {
  const member = await members(ctx).where('m.user_id', '=', userId).executeTakeFirst()
  if (member === undefined) throw notFound()
  return member
}

/**
 * Changes a member's roles, or activates or deactivates the membership; deactivating revokes the
 * sessions. Throws 403 for the actor's own membership, for a member with a permission that the actor
 * lacks, and for a role that grants one; throws 422 for an unknown role.
 */
export async function updateMember(
  ctx: Context,
  rules: GrantRules,
  userId: string,
  changes: z.output<typeof MemberChanges>,
) {
  const member = await lockMember(ctx, rules, userId)
  ctx.requireMatch(member)
  if (changes.roles !== undefined) await setRoles(ctx, rules, userId, changes.roles)
  if (changes.is_active !== undefined) await setActive(ctx, userId, changes.is_active)
  ctx.audit({ meta: { ...changes, before: { roles: member.roles, is_active: member.is_active } } })
  return findMember(ctx, userId)
}

/** Removes a membership with its roles and sessions. The user and its other memberships remain. */
export async function removeMember(ctx: Context, rules: GrantRules, userId: string): Promise<void> {
  const member = await lockMember(ctx, rules, userId)
  await ctx.db.deleteFrom('tenantry.members').where('user_id', '=', userId).execute()
  ctx.audit({ meta: { roles: member.roles } })
}

async function lockMember(ctx: Context, rules: GrantRules, userId: string) {
  await lockMemberGrants(ctx, rules, userId)
  const member = await findMember(ctx, userId)
  if (member.id === ctx.actor.user.id) {
    throw new AppError('forbidden', 'member.self', 'You cannot change your own membership')
  }
  return member
}

async function setRoles(
  ctx: Context,
  rules: GrantRules,
  user_id: string,
  names: readonly string[],
) {
  const roles = [...new Set(names)]
  const custom = await customRoles(ctx, roles)
  assertRolesExist(rules, custom, roles)
  assertCanGrant(ctx, rules, permissionsOf(rules.policy, rolesNamed(rules, custom, roles)))
  await ctx.db.deleteFrom('tenantry.member_roles').where('user_id', '=', user_id).execute()
  if (roles.length === 0) return
  await ctx.db
    .insertInto('tenantry.member_roles')
    .values(
      roles.map((role) => ({
        user_id,
        role,
        role_id: role in rules.policy.roles ? null : (custom.get(role)?.id ?? null),
      })),
    )
    .execute()
}

interface CustomRole {
  id: string
  name: string
  permissions: string[]
}

async function customRoles({ db }: Context, names: string[]): Promise<Map<string, CustomRole>> {
  if (names.length === 0) return new Map()
  const rows = await db
    .selectFrom('tenantry.roles as r')
    .select(['r.id', 'r.name'])
    .select(
      sql<string[]>`array(
        select rp.permission from tenantry.role_permissions rp where rp.role_id = r.id
      )`.as('permissions'),
    )
    .where('r.name', 'in', names)
    .execute()
  return new Map(rows.map((row) => [row.name, row]))
}

function rolesNamed(
  { policy }: GrantRules,
  custom: Map<string, CustomRole>,
  names: string[],
): Omit<RoleColumns, 'roles'> {
  const own = names.filter((name) => !(name in policy.roles))
  return {
    system_roles: names.filter((name) => name in policy.roles),
    grants: own.flatMap((name) => custom.get(name)?.permissions ?? []),
  }
}

function assertRolesExist(
  { policy }: GrantRules,
  custom: Map<string, CustomRole>,
  names: string[],
) {
  const faults = names.flatMap((name, at) =>
    name in policy.roles || custom.has(name)
      ? []
      : [{ pointer: `/roles/${at}`, message: `there is no role "${name}"` }],
  )
  if (faults.length > 0) throw unprocessable(faults)
}

async function setActive(ctx: Context, userId: string, is_active: boolean): Promise<void> {
  await ctx.db
    .updateTable('tenantry.members')
    .set({ is_active, updated_at: sql`now()` })
    .where('user_id', '=', userId)
    .execute()
  if (!is_active) await revokeSessionsOf(ctx.db, userId, 'member_disabled')
}

function members({ db }: Context) {
  return db
    .selectFrom('tenantry.members as m')
    .innerJoin('tenantry.users as u', 'u.id', 'm.user_id')
    .select(['u.id', 'u.email', 'u.full_name', 'm.is_active', 'm.created_at'])
    .select(rolesOfMember)
}

const [rolesOfMember] = roleColumns('m.user_id')

export interface NewMember {
  tenant_id: string
  user_id: string
  roles: readonly string[]
}

/**
 * Makes a user a member; a second call adds roles. Returns whether the user was no member before. Runs in
 * `acrossTenants` only.
 */
export async function addMember(db: Kysely<KernelTables>, member: NewMember): Promise<boolean> {
  const { tenant_id, user_id, roles } = member
  const { numInsertedOrUpdatedRows: added = 0n } = await db
    .insertInto('tenantry.members')
    .values({ tenant_id, user_id })
    .onConflict((it) => it.doNothing())
    .executeTakeFirst()
  if (roles.length > 0) await addRoles(db, member)
  return added > 0n
}

async function addRoles(
  db: Kysely<KernelTables>,
  { tenant_id, user_id, roles }: NewMember,
): Promise<void> {
  await db
    .insertInto('tenantry.member_roles')
    .values(
      roles.map((role) => ({ tenant_id, user_id, role, role_id: customRoleId(tenant_id, role) })),
    )
    .onConflict((it) => it.doNothing())
    .execute()
}

// NULL for a system role: only custom roles have a row.
function customRoleId(tenantId: string, name: string) {
  return sql<string | null>`(
    select id from tenantry.roles where tenant_id = ${tenantId} and name = ${name}
  )`
}
