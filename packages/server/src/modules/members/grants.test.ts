import * as fc from 'fast-check'
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { app } from '../../../test/fixtures/app/app.ts'
import { backgroundScope } from '../../db/tenancy.ts'
import { startTestApp, type TestApp, type TestTenant, type TestUser } from '../../testing.ts'

let api: TestApp
beforeAll(async () => {
  api = await startTestApp(app, { SIGNIN_LIMIT_ACCOUNT: '1000' })
})
afterAll(() => api.close())

const { policy } = app
const SYSTEM = Object.keys(policy.roles)
const CUSTOM = ['role_a', 'role_b', 'role_c']
const MEMBERS = 4

/** One operation: its actor, its kind, its target, and the roles and permissions that it names. */
interface Operation {
  actor: number
  kind: 'roles' | 'active' | 'remove' | 'leave' | 'transfer' | 'create role' | 'change role'
  target: number
  roles: string[]
  role: string
  permissions: string[]
  active: boolean
}

const indexes = fc.nat(MEMBERS - 1)
const operations = fc.array(
  fc.record({
    actor: indexes,
    kind: fc.constantFrom<Operation['kind'][]>(
      'roles',
      'roles',
      'active',
      'remove',
      'leave',
      'transfer',
      'create role',
      'change role',
      'change role',
    ),
    target: indexes,
    roles: fc.subarray([...SYSTEM, ...CUSTOM]),
    role: fc.constantFrom(...CUSTOM),
    // All of them sometimes: the sum of roles must be able to make an owner.
    permissions: fc.oneof(
      fc.subarray<string>([...policy.permissions]),
      fc.constant<string[]>([...policy.permissions]),
    ),
    active: fc.boolean(),
  }),
  { minLength: 6, maxLength: 12 },
)

function requestOf(
  { kind, roles, role, permissions, active }: Operation,
  target: TestUser,
  actor: TestUser,
  roleIds: Map<string, string>,
) {
  const member = `/api/members/${target.id}`
  const current_password = actor.password
  const roleId = roleIds.get(role) ?? '01890000-0000-7000-8000-000000000000'
  const requests = {
    roles: { method: 'PATCH', path: member, body: { roles } },
    active: { method: 'PATCH', path: member, body: { is_active: active } },
    remove: { method: 'DELETE', path: member },
    leave: { method: 'DELETE', path: '/api/account/membership' },
    transfer: {
      method: 'POST',
      path: '/api/ownership-transfers',
      body: { user_id: target.id, current_password },
    },
    'create role': { method: 'POST', path: '/api/roles', body: { name: role, permissions } },
    'change role': { method: 'PATCH', path: `/api/roles/${roleId}`, body: { permissions } },
  }
  return requests[kind]
}

interface Standing {
  active: boolean
  held: Set<string>
}

// Computed from the rows by other code than the kernel's own.
async function standings(tenant: TestTenant): Promise<Map<string, Standing>> {
  const rows = await api.database.inTenant(backgroundScope(tenant.id), async (db) => {
    const { rows } = await sql<{
      user_id: string
      active: boolean
      role: string | null
      is_own: boolean
      permission: string | null
    }>`
      select m.user_id, m.is_active and u.is_active as active, mr.role,
        mr.role_id is not null as is_own, rp.permission
      from tenantry.members m join tenantry.users u on u.id = m.user_id
      left join tenantry.member_roles mr on mr.user_id = m.user_id
      left join tenantry.role_permissions rp on rp.role_id = mr.role_id`.execute(db)
    return rows
  })
  const found = new Map<string, Standing>()
  for (const { user_id, active, role, is_own, permission } of rows) {
    const standing = found.get(user_id) ?? { active, held: new Set() }
    found.set(user_id, standing)
    if (permission !== null) standing.held.add(permission)
    for (const it of policy.expand(is_own ? [] : patternsOf(role))) standing.held.add(it)
  }
  return found
}

function patternsOf(role: string | null): readonly string[] {
  return Object.entries(policy.roles).find(([name]) => name === role)?.[1].permissions ?? []
}

async function roleIdsOf(tenant: TestTenant): Promise<Map<string, string>> {
  const rows = await api.database.inTenant(backgroundScope(tenant.id), (db) =>
    db.selectFrom('tenantry.roles').select(['id', 'name']).execute(),
  )
  return new Map(rows.map((it) => [it.name, it.id]))
}

const ownsAll = ({ active, held }: Standing) => active && held.size === policy.permissions.length

// An owner by a system role, one by the sum of two of the tenant's own, a manager, and a member without roles.
async function makeMembers(tenant: TestTenant): Promise<TestUser[]> {
  const admin = await tenant.makeUser({ roles: ['admin_tenant'] })
  const half = Math.ceil(policy.permissions.length / 2)
  const parts = [policy.permissions.slice(0, half), policy.permissions.slice(half)]
  for (const [at, permissions] of parts.entries()) {
    const body = { name: CUSTOM[at], permissions }
    const made = await tenant.send({ method: 'POST', path: '/api/roles', user: admin, body })
    expect(made.status).toBe(201)
  }
  const others = [CUSTOM.slice(0, 2), ['manager'], []]
  const members = [admin]
  for (const roles of others) members.push(await tenant.makeUser({ roles }))
  return members
}

const untouched = { roles: [], role: 'role_a', permissions: [], active: true }
/** Operations of the owner that are permitted, so that each run has some that succeed. */
const permitted: Operation[] = [
  { ...untouched, actor: 0, kind: 'roles', target: 3, roles: ['manager'] },
  { ...untouched, actor: 0, kind: 'change role', target: 3, role: 'role_b' },
  { ...untouched, actor: 0, kind: 'remove', target: 3 },
]

test('no operation gives a member what its actor did not hold, and an owner always remains', async () => {
  const succeeded = new Map<string, number>()
  const sequence = fc.asyncProperty(operations, async (steps) => {
    const tenant = await api.makeTenant()
    const members = await makeMembers(tenant)
    let before = await standings(tenant)
    for (const step of steps) {
      const [actor, target] = [members[step.actor], members[step.target]]
      if (actor === undefined || target === undefined) throw new Error('an index is out of range')
      const request = requestOf(step, target, actor, await roleIdsOf(tenant))
      const { status } = await tenant.send({ ...request, user: actor })
      const after = await standings(tenant)
      expect(status).toBeLessThan(500)
      if (status < 300) succeeded.set(step.kind, (succeeded.get(step.kind) ?? 0) + 1)
      const mine = before.get(actor.id)?.held ?? new Set()
      for (const [id, { held }] of after) {
        const gained = [...held].filter((it) => !before.get(id)?.held.has(it))
        expect(gained.filter((it) => !mine.has(it))).toEqual([])
      }
      expect([...after.values()].some(ownsAll)).toBe(true)
      before = after
    }
  })
  await fc.assert(sequence, { numRuns: 10, examples: [[permitted]] })
  // A property over rejected operations alone would prove nothing.
  for (const kind of ['roles', 'change role', 'remove']) {
    expect(succeeded.get(kind) ?? 0, kind).toBeGreaterThan(0)
  }
}, 120_000)
