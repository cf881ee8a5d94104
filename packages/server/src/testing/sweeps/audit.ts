import type { Route } from '../../app/route.ts'
import { backgroundScope } from '../../db/tenancy.ts'
import type { TestReply } from '../http_client.ts'
import { changedTables, fingerprintOf } from './world/rows.ts'
import { call, inSafeOrder, nameOf, readyFor, type World } from './world/world.ts'

/**
 * Calls every route of a tenant and looks for its row in the audit log. An authenticated write has one
 * with the right action, actor and request. A public write has one if it changes rows. A read changes no
 * rows. Returns what is missing or wrong.
 */
export async function auditFaults(world: World): Promise<string[]> {
  const faults: string[] = []
  for (const route of inSafeOrder(world)) {
    faults.push(
      ...(isWrite(route) ? await writeFaults(world, route) : await unauditedFaults(world, route)),
    )
  }
  return faults
}

function isWrite({ method, access }: Route): boolean {
  return method !== 'GET' && access !== 'public'
}

async function writeFaults(world: World, route: Route): Promise<string[]> {
  const here = await readyFor(world, route, world.b)
  const reply = await call(world, route, here, here.admin)
  if (reply.status >= 300) {
    return [`${nameOf(route)}: the call failed (${reply.status} ${reply.text})`]
  }
  const expected = JSON.stringify([{ action: route.audit, actor_id: world.b.admin.id }])
  const found = JSON.stringify(await auditRows(world, reply))
  return found === expected ? [] : [`${nameOf(route)}: the audit log has ${found}, not ${expected}`]
}

// Routes that may change rows without an audit row, and why.
const unaudited: Readonly<Record<string, string>> = {
  'POST /api/auth/refresh': 'a rotation grants nothing; a reused token has its audit row',
}

async function unauditedFaults(world: World, route: Route): Promise<string[]> {
  const { tenant, admin } = world.b
  await world.api.running.settle()
  const before = await fingerprintOf(tenant.id)
  const reply = await call(world, route, world.b, route.access === 'public' ? undefined : admin)
  await world.api.running.settle()
  const changed = changedTables(before, await fingerprintOf(tenant.id))
  if (changed.length === 0 || nameOf(route) in unaudited) return []
  if (route.method === 'GET') return [`${nameOf(route)}: a read changed ${changed.join(', ')}`]
  const rows = await auditRows(world, reply)
  return rows.length > 0
    ? []
    : [`${nameOf(route)}: changed ${changed.join(', ')} without a row in the audit log`]
}

function auditRows({ api, b }: World, reply: TestReply) {
  return api.database.inTenant(backgroundScope(b.tenant.id), (db) =>
    db
      .selectFrom('tenantry.audit_logs')
      .select(['action', 'actor_id'])
      .where('request_id', '=', reply.headers['x-request-id'] ?? '')
      .execute(),
  )
}
