import type { Route } from '../../http/route.ts'
import type { TestReply } from '../http_client.ts'
import { inSafeOrder } from './statements.ts'
import { call, nameOf, type World } from './world.ts'

/**
 * Calls every writing route of the tenant and looks for its row in the audit log: one, of the right
 * action, actor and request. Gives what is missing or wrong.
 */
export async function auditFaults(world: World): Promise<string[]> {
  const faults: string[] = []
  for (const route of inSafeOrder(world.routes).filter(isWrite)) {
    const reply = await call(world, route, world.b, world.b.admin)
    if (reply.status >= 300) {
      faults.push(`${nameOf(route)}: could not be carried out (${reply.status} ${reply.text})`)
      continue
    }
    faults.push(...(await rowFaults(world, route, reply)))
  }
  return faults
}

function isWrite({ method, access }: Route): boolean {
  return method !== 'GET' && access !== 'public'
}

async function rowFaults(world: World, route: Route, reply: TestReply): Promise<string[]> {
  const { tenant, admin } = world.b
  const rows = await world.api.doors.inTenant(tenant.id, (db) =>
    db
      .selectFrom('tenantry.audit_logs')
      .select(['action', 'actor_id'])
      .where('request_id', '=', reply.headers['x-request-id'] ?? '')
      .execute(),
  )
  const expected = JSON.stringify([{ action: route.audit, actor_id: admin.id }])
  const found = JSON.stringify(rows)
  return found === expected ? [] : [`${nameOf(route)}: the audit log has ${found}, not ${expected}`]
}
