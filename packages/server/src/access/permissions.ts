import { type Kysely, sql } from 'kysely'
import type { TenantContext } from '../app/context.ts'
import type { Policy } from '../app/policy.ts'
import type { KernelTables } from '../db/tables.ts'
import { ClockCache, type ClockEntry } from '../lib/cache/clock_cache.ts'
import { AppError, notFound } from '../lib/errors.ts'

/** The roles and grants of a member, as read from the database. */
export interface RoleColumns {
  /** The names of all roles, sorted. For display only. */
  roles: string[]
  system_roles: string[]
  /** The permissions of the custom roles. */
  grants: string[]
}

/**
 * The permissions that roles add up to. The set also holds `role:<name>` for each system role, so that
 * a route can require a role, and so that a member can grant only roles they hold. Members with the
 * same roles share one set: a hundred thousand sessions need only a few.
 */
export function permissionsOf(
  policy: Policy,
  held: Omit<RoleColumns, 'roles'>,
): ReadonlySet<string> {
  const key = JSON.stringify([held.system_roles, held.grants])
  return intern(setsOf(policy), key, () => immutable(sumOf(policy, held)))
}

/** A frozen list of these names, shared by all members who hold roles of these names. */
export function internedNames(names: string[]): readonly string[] {
  return intern(nameLists, JSON.stringify(names), () => Object.freeze(names))
}

interface Shared<T> extends ClockEntry {
  value: T
}
type Sets = ClockCache<Shared<ReadonlySet<string>>>

const MAX_SHARED = 1_000
const nameLists = new ClockCache<Shared<readonly string[]>>(MAX_SHARED)
const setsByPolicy = new WeakMap<Policy, Sets>()

function setsOf(policy: Policy): Sets {
  const sets: Sets = setsByPolicy.get(policy) ?? new ClockCache(MAX_SHARED)
  setsByPolicy.set(policy, sets)
  return sets
}

function intern<T>(known: ClockCache<Shared<T>>, key: string, make: () => T): T {
  const found = known.get(key)
  if (found !== undefined) return found.value
  const value = make()
  known.set(key, { value, used: false })
  return value
}

function sumOf(policy: Policy, held: Omit<RoleColumns, 'roles'>): Set<string> {
  const system = held.system_roles.filter((name) => name in policy.roles)
  const patterns = system.flatMap((name) => policy.roles[name]?.permissions ?? [])
  const permissions = policy.expand([...patterns, ...held.grants])
  for (const name of system) permissions.add(`role:${name}`)
  return permissions
}

// Requests of many tenants share the set, and Object.freeze does not disable a Set's methods.
function immutable(permissions: Set<string>): ReadonlySet<string> {
  for (const change of ['add', 'delete', 'clear']) {
    Object.defineProperty(permissions, change, { value: throwImmutable })
  }
  return Object.freeze(permissions)
}

function throwImmutable(): never {
  throw new TypeError(
    'this set of permissions is shared by many requests: copy it, then change the copy',
  )
}

/** The columns of RoleColumns for one member; `userId` refers to the member's user. */
export function roleColumns(userId: 's.user_id' | 'm.user_id') {
  const user = sql.ref(userId)
  return [
    sql<string[]>`array(
      select mr.role from tenantry.member_roles mr where mr.user_id = ${user} order by mr.role
    )`.as('roles'),
    sql<string[]>`array(
      select mr.role from tenantry.member_roles mr
      where mr.user_id = ${user} and mr.role_id is null
    )`.as('system_roles'),
    sql<string[]>`array(
      select distinct rp.permission
      from tenantry.member_roles mr
      join tenantry.role_permissions rp on rp.role_id = mr.role_id
      where mr.user_id = ${user}
    )`.as('grants'),
  ] as const
}

/** The current permissions of an active member; undefined where there is none. */
export async function memberPermissions(
  db: Kysely<KernelTables>,
  policy: Policy,
  userId: string,
): Promise<ReadonlySet<string> | undefined> {
  const held = await db
    .selectFrom('tenantry.members as m')
    .select(roleColumns('m.user_id'))
    .where('m.user_id', '=', userId)
    .where('m.is_active', '=', true)
    .executeTakeFirst()
  return held && permissionsOf(policy, held)
}

/** The rules for granting: the policy, and the system roles that routes require by name. */
export interface GrantRules {
  policy: Policy
  /** `role:<name>` for each of them: only a member who holds it can grant it. */
  guarded: ReadonlySet<string>
}

type Context = TenantContext<KernelTables>

/**
 * Takes the tenant's lock for changes of permissions, held until the transaction ends. Then checks that
 * the actor still holds every permission the request was authorized with: of two administrators who
 * demote each other concurrently, the second fails. Throws 403.
 */
export async function lockGrants(
  { db, actor, tenant }: Context,
  { policy }: GrantRules,
): Promise<void> {
  await lockTenantGrants(db, tenant.id)
  const current = await memberPermissions(db, policy, actor.user.id)
  const lost = [...actor.permissions].filter((it) => !current?.has(it))
  if (lost.length > 0)
    throw new AppError('forbidden', 'permission.changed', 'Your permissions have changed')
}

/** Takes the tenant's lock for changes of permissions, held until the transaction ends. */
export async function lockTenantGrants(db: Kysely<KernelTables>, tenantId: string): Promise<void> {
  const key = `permissions ${tenantId}`
  await sql`select pg_advisory_xact_lock(hashtextextended(${key}, 0))`.execute(db)
}

/**
 * Takes that lock before a change to a member, and checks that the actor holds every permission that
 * the member holds. Returns those. Throws 403, or 404 where there is no such member.
 */
export async function lockMemberGrants(
  ctx: Context,
  rules: GrantRules,
  userId: string,
): Promise<ReadonlySet<string>> {
  await lockGrants(ctx, rules)
  const held = await ctx.db
    .selectFrom('tenantry.members as m')
    .select(roleColumns('m.user_id'))
    .where('m.user_id', '=', userId)
    .executeTakeFirst()
  if (held === undefined) throw notFound()
  const permissions = permissionsOf(rules.policy, held)
  if (userId !== ctx.actor.user.id) assertCanGrant(ctx, rules, permissions)
  return permissions
}

/** Checks that the actor holds all these permissions. Throws 403, which names the first missing one. */
export function assertCanGrant(
  ctx: Context,
  rules: GrantRules,
  permissions: Iterable<string>,
): void {
  const missing = firstMissing(ctx.actor.permissions, rules, permissions)
  if (missing === undefined) return
  const detail = `You do not hold "${missing}" yourself`
  throw new AppError('forbidden', 'permission.cannot_grant', detail)
}

/** Does the actor hold all these permissions, so that they may grant them? */
export function holdsAll(ctx: Context, rules: GrantRules, permissions: Iterable<string>): boolean {
  return firstMissing(ctx.actor.permissions, rules, permissions) === undefined
}

/** The first of these permissions that a holder of `held` lacks, and so may not grant. */
export function firstMissing(
  held: ReadonlySet<string>,
  { guarded }: GrantRules,
  permissions: Iterable<string>,
): string | undefined {
  for (const permission of permissions) {
    if (permission.startsWith('role:') && !guarded.has(permission)) continue
    if (!held.has(permission)) return permission
  }
  return undefined
}
