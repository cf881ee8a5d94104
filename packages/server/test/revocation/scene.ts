import { expect } from 'vitest'
import type { TestReply, TestTenant, TestUser } from '../../src/testing.ts'
import { asAdmin } from '../fixtures/databases.ts'

/** A tenant with a member whose access is about to be revoked. */
export interface Scene {
  tenant: TestTenant
  user: TestUser
  /** The tenant's own role, which grants the user everything. */
  roleId: string
}

/** SQL that revokes something by hand (`$1` is the tenant), and the status of the next request. */
export interface ManualChange {
  what: string
  sql: string
  status: number
}

const ofTenant = 'where tenant_id = $1'
const itsUsers = `where id in (select user_id from tenantry.members ${ofTenant})`

/** Every way to revoke access in psql. Each must reach the caches of every node. */
export const manualChanges: ManualChange[] = [
  { what: 'a role, revoked', sql: `delete from tenantry.member_roles ${ofTenant}`, status: 403 },
  {
    what: 'a permission, revoked',
    sql: `delete from tenantry.role_permissions ${ofTenant}`,
    status: 403,
  },
  {
    what: 'a permission, replaced',
    sql: `update tenantry.role_permissions set permission = 'roles:read' ${ofTenant}`,
    status: 403,
  },
  {
    what: 'a membership, suspended',
    sql: `update tenantry.members set is_active = false ${ofTenant}`,
    status: 401,
  },
  {
    what: 'a membership, removed with all its rows',
    sql: `with a as (delete from tenantry.member_roles ${ofTenant}),
      b as (delete from tenantry.refresh_tokens ${ofTenant}),
      c as (delete from tenantry.sessions ${ofTenant})
      delete from tenantry.members ${ofTenant}`,
    status: 401,
  },
  {
    what: 'a user, deactivated',
    sql: `update tenantry.users set is_active = false ${itsUsers}`,
    status: 401,
  },
  {
    what: "a user's credentials, invalidated",
    sql: `update tenantry.users set sessions_valid_from = now() ${itsUsers}`,
    status: 401,
  },
  {
    what: 'a session, revoked',
    sql: `update tenantry.sessions set revoked_at = now() ${ofTenant}`,
    status: 401,
  },
  {
    what: 'a session, expired by idleness',
    sql: `update tenantry.sessions set idle_expires_at = now() ${ofTenant}`,
    status: 401,
  },
  {
    what: 'a session, expired',
    sql: `update tenantry.sessions set expires_at = now() ${ofTenant}`,
    status: 401,
  },
  {
    what: 'a session, deleted',
    sql: `with tokens as (delete from tenantry.refresh_tokens ${ofTenant})
      delete from tenantry.sessions ${ofTenant}`,
    status: 401,
  },
  {
    what: 'a tenant, suspended',
    sql: `update tenantry.tenants set status = 'suspended' where id = $1`,
    status: 403,
  },
  {
    what: 'a tenant, deleting',
    sql: `update tenantry.tenants set status = 'deleting' where id = $1`,
    status: 404,
  },
  {
    what: "a tenant's subdomain, changed",
    sql: `update tenantry.tenants set subdomain = 'x' || substr(subdomain, 2) where id = $1`,
    status: 404,
  },
]

/** Makes a member who may read the tenant's data, by a role of the tenant's own. */
export async function createScene(tenant: TestTenant): Promise<Scene> {
  const admin = await tenant.makeUser({ roles: ['admin_tenant'] })
  const role = await tenant.send({
    method: 'POST',
    path: '/api/roles',
    user: admin,
    body: { name: 'reader', description: '', permissions: ['tenant:read'] },
  })
  expect(role.status).toBe(201)
  const user = await tenant.makeUser({ roles: ['reader'] })
  return { tenant, user, roleId: role.json.id }
}

/** Runs SQL past every policy; with `replica`, as a restore or replication does: only ALWAYS triggers fire. */
export async function runManually(sql: string, tenantId: string, replica = false): Promise<void> {
  await asAdmin(async (client) => {
    if (replica) await client.query('set session_replication_role = replica')
    await client.query(sql, [tenantId])
  })
}

/**
 * Repeats the request until it is rejected, and returns the rejection. Fails when a request that began
 * more than a second after `committedAt` is served: the promise holds on a busy machine too.
 */
export async function untilRejected(
  ask: () => Promise<TestReply>,
  committedAt: number,
): Promise<TestReply> {
  for (;;) {
    const askedAt = performance.now()
    const reply = await ask()
    if (reply.status !== 200 && reply.status !== 503) return reply
    if (reply.status === 200) expect(askedAt - committedAt).toBeLessThan(1_000)
    expect(askedAt - committedAt, 'still not rejected').toBeLessThan(20_000)
  }
}
