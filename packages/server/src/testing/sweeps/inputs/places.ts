import type { Route } from '../../../app/route.ts'
import { rowsOf } from '../world/rows.ts'
import { call, nameOf, type World } from '../world/world.ts'

/** A text that a sweep sent, and where. */
export interface Canary {
  route: Route
  field: string
  text: string
}

// Inputs that audit rows of the kernel hold, and why.
const audited: Readonly<Record<string, string>> = {
  'POST /api/roles body /name': 'the log says which role was created',
  'PATCH /api/roles/:role_id body /name': 'the log says what of the role was changed',
  'PATCH /api/roles/:role_id body /description': 'the log says what of the role was changed',
}

// Inputs that replies to another tenant hold, and why.
const shared: Readonly<Record<string, string>> = {
  'PATCH /api/tenant body /name':
    'a person sees the names of all tenants that they are a member of',
}

const SECRET = /password|secret|token|credential|api_?key/i

/** The places that hold a canary and may not: output, logs, metrics, audit rows, secrets in rows, B. */
export async function placeFaults(world: World, canaries: Canary[], output: string) {
  const { api, a, b } = world
  const own = await rowsOf(a.tenant.id)
  const theirs = [...(await rowsOf(b.tenant.id)).values()].flat().join('\n')
  const logs = own.get('tenantry.audit_logs')?.map((row) => JSON.stringify(JSON.parse(row).meta))
  const rows = [...own.values()].flat().join('\n')
  const metrics = (await api.running.metrics?.read()) ?? ''
  const shown = await repliesTo(world)
  const places: [string, string, (canary: Canary) => boolean][] = [
    ['in a log line; log a fixed text and ids', api.logLines.join('\n'), always],
    ['written to stdout or stderr; remove the output', output, always],
    ['in a metric; use fixed labels', metrics, always],
    ['in the audit row; note the id instead: ctx.audit({ entity_id })', String(logs), isNotAudited],
    ['stored as it is; store a hash of a secret', rows, isSecret],
    ['in rows of another tenant; write through ctx.db', theirs, always],
    ['in a reply to another tenant; keep no rows outside of a request', shown, isNotShared],
  ]
  return places.flatMap(([fault, text, concerns]) =>
    canaries
      .filter((canary) => concerns(canary) && text.includes(canary.text.replace(/'$/, '')))
      .map(({ route, field }) => `${nameOf(route)}: ${field} is ${fault}`),
  )
}

async function repliesTo(world: World): Promise<string> {
  const texts: string[] = []
  for (const route of world.routes.filter((it) => it.method === 'GET')) {
    texts.push((await call(world, route, world.b, world.b.admin)).text)
  }
  return texts.join('\n')
}

function always(): boolean {
  return true
}

function isNotAudited({ route, field }: Canary): boolean {
  return !(`${nameOf(route)} ${field}` in audited)
}

function isNotShared({ route, field }: Canary): boolean {
  return !(`${nameOf(route)} ${field}` in shared)
}

function isSecret({ field }: Canary): boolean {
  return isSecretName(field)
}

/** Does a field hold a secret, by its name? */
export function isSecretName(field: string): boolean {
  return SECRET.test(field)
}
