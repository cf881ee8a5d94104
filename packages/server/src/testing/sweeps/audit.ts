import { isAnonymous, type Route } from '../../app/route.ts'
import { backgroundScope } from '../../db/tenancy.ts'
import { cookieOnly, signInFor } from './world/cookie_only.ts'
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

function isWrite(route: Route): boolean {
  return route.method !== 'GET' && !isAnonymous(route)
}

async function writeFaults(world: World, route: Route): Promise<string[]> {
  const here = await readyFor(world, route, world.b)
  await signInFor(world, route, here)
  await world.api.running.settle()
  const before = new Set((await auditRows(world)).map((it) => it.id))
  const reply = await call(world, route, here, here.admin)
  // Where each tenant has accounts of its own, no account leads from one to another.
  if (route.path in cookieOnly && reply.json?.code === 'identity.tenant_scope') return []
  // A write may be answered with a redirect.
  if (reply.status >= 400) {
    return [`${nameOf(route)}: the call failed (${reply.status} ${reply.text})`]
  }
  await world.api.running.settle()
  const added = (await auditRows(world))
    .filter((it) => !before.has(it.id))
    // A trigger records an act on a person in each tenant, without a request.
    .filter((it) => !(route.person && it.request_id === ''))
  const request_id = reply.headers['x-request-id']
  const expected = textOf([{ action: route.audit ?? '', actor_id: here.admin.id, request_id }])
  const found = textOf(added)
  return found === expected
    ? []
    : [
        `${nameOf(route)}: the audit log has ${found}, not ${expected}; only ctx.audit adds to a row`,
      ]
}

// Also rows that a handler has written by itself, which may name another request.
function textOf(
  rows: { action: string; actor_id: string | null; request_id: string | undefined }[],
) {
  return JSON.stringify(
    rows.map(({ action, actor_id, request_id }) => ({ action, actor_id, request_id })),
  )
}

// Routes that may change rows without an audit row, and why.
const unaudited: Readonly<Record<string, string>> = {
  'POST /api/auth/refresh': 'a rotation grants nothing; a reused token has its audit row',
}

async function unauditedFaults(world: World, route: Route): Promise<string[]> {
  const { tenant, admin } = world.b
  await world.api.running.settle()
  const before = await fingerprintOf(tenant.id)
  const reply = await call(world, route, world.b, isAnonymous(route) ? undefined : admin)
  await world.api.running.settle()
  const changed = changedTables(before, await fingerprintOf(tenant.id))
  if (changed.length === 0 || nameOf(route) in unaudited) return []
  if (route.method === 'GET') return [`${nameOf(route)}: a read changed ${changed.join(', ')}`]
  const rows = await auditRows(world)
  return rows.some((it) => it.request_id === reply.headers['x-request-id'])
    ? []
    : [`${nameOf(route)}: changed ${changed.join(', ')} without a row in the audit log`]
}

function auditRows({ api, b }: World) {
  return api.database.inTenant(backgroundScope(b.tenant.id), (db) =>
    db
      .selectFrom('tenantry.audit_logs')
      .select(['id', 'action', 'actor_id', 'request_id'])
      .orderBy('id')
      .execute(),
  )
}
