import { type Kysely, sql } from 'kysely'
import type { TenantContext } from '../app/context.ts'
import type { Policy } from '../app/policy.ts'
import type { KernelTables } from '../db/tables.ts'
import { ClockCache, type ClockEntry } from '../lib/clock_cache.ts'
import { AppError, notFound } from '../lib/errors.ts'

/** What a member holds, as the database has it. */
export interface RoleColumns {
  /** Names of all roles, sorted: for people to read. */
  roles: string[]
  system_roles: string[]
  /** The permissions of the tenant's own roles. */
  grants: string[]
}

/**
 * What roles add up to. Beside permissions the set holds `role:<name>` for each system role that is
 * held, so that a route may ask for a role, and nobody can hand on a role they do not have. Whoever
 * holds the same roles gets the same set: a hundred thousand sessions need few of them.
 */
export function permissionsOf(
  policy: Policy,
  held: Omit<RoleColumns, 'roles'>,
): ReadonlySet<string> {
  const key = JSON.stringify([held.system_roles, held.grants])
  return oneFor(setsOf(policy), key, () => unchangeable(addUp(policy, held)))
}

/** These names, in the one list that all share who hold roles of these names. */
export function internedNames(names: string[]): readonly string[] {
  return oneFor(lists, JSON.stringify(names), () => Object.freeze(names))
}

interface Shared<T> extends ClockEntry {
  value: T
}
type Sets = ClockCache<Shared<ReadonlySet<string>>>

const MAX_SHARED = 1_000
const lists = new ClockCache<Shared<readonly string[]>>(MAX_SHARED)
const setsByPolicy = new WeakMap<Policy, Sets>()

function setsOf(policy: Policy): Sets {
  const sets: Sets = setsByPolicy.get(policy) ?? new ClockCache(MAX_SHARED)
  setsByPolicy.set(policy, sets)
  return sets
}

function oneFor<T>(known: ClockCache<Shared<T>>, key: string, make: () => T): T {
  const found = known.get(key)
  if (found !== undefined) return found.value
  const value = make()
  known.set(key, { value, used: false })
  return value
}

function addUp(policy: Policy, held: Omit<RoleColumns, 'roles'>): Set<string> {
  const system = held.system_roles.filter((name) => name in policy.roles)
  const patterns = system.flatMap((name) => policy.roles[name]?.permissions ?? [])
  const permissions = policy.expand([...patterns, ...held.grants])
  for (const name of system) permissions.add(`role:${name}`)
  return permissions
}

// Many requests of many tenants share it, and freezing alone does not keep a Set as it is.
function unchangeable(permissions: Set<string>): ReadonlySet<string> {
  for (const change of ['add', 'delete', 'clear']) {
    Object.defineProperty(permissions, change, { value: refuseChange })
  }
  return Object.freeze(permissions)
}

function refuseChange(): never {
  throw new TypeError('permissions are shared by all who hold the same roles: copy them to add any')
}

/** The columns of HeldRoles for a member; `userId` refers to the member's user. */
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

/** What an active member may do now; undefined where there is no such member. */
async function memberPermissions(
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

/** What rights are judged by: the policy, and which system roles a route asks for by name. */
export interface GrantRules {
  policy: Policy
  /** `role:<name>` for each: handing one on takes holding it, whatever permissions it gives. */
  guarded: ReadonlySet<string>
}

type Context = TenantContext<KernelTables>

/**
 * Takes the tenant's lock for changes of rights, until the transaction ends, and checks that the
 * actor's own have not changed meanwhile: of two administrators who demote each other at once, the
 * second finds that it is none. Throws 403.
 */
export async function lockGrants(
  { db, actor, tenant }: Context,
  { policy }: GrantRules,
): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${`rights ${tenant.id}`}, 0))`.execute(db)
  const rights = await memberPermissions(db, policy, actor.user.id)
  const lost = [...actor.permissions].filter((it) => !rights?.has(it))
  if (lost.length > 0)
    throw new AppError('forbidden', 'permission.changed', 'Your rights have changed')
}

/**
 * Takes that lock to change something of a member, and checks that they hold nothing the actor does
 * not: nobody acts on somebody who may do more. Throws 403, or 404 where there is no such member.
 */
export async function lockMemberGrants(
  ctx: Context,
  rules: GrantRules,
  userId: string,
): Promise<void> {
  await lockGrants(ctx, rules)
  const held = await ctx.db
    .selectFrom('tenantry.members as m')
    .select(roleColumns('m.user_id'))
    .where('m.user_id', '=', userId)
    .executeTakeFirst()
  if (held === undefined) throw notFound()
  if (userId !== ctx.actor.user.id) assertCanGrant(ctx, rules, permissionsOf(rules.policy, held))
}

/** Nobody gives, takes or changes what they do not hold themselves. Throws 403 naming one of it. */
export function assertCanGrant(
  { actor }: Context,
  { guarded }: GrantRules,
  rights: Iterable<string>,
): void {
  for (const right of rights) {
    if (right.startsWith('role:') && !guarded.has(right)) continue
    if (actor.permissions.has(right)) continue
    throw new AppError(
      'forbidden',
      'permission.cannot_grant',
      `You do not hold "${right}" yourself`,
    )
  }
}
