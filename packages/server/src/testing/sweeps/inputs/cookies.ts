import { isAnonymous, type Route } from '../../../app/route.ts'
import type { TestReply } from '../../http_client.ts'
import { nameOf, type PopulatedTenant, pathToNothing, type World } from '../world/world.ts'

/**
 * Calls every route of a tenant with the cookie of a signed-in browser, as other pages could make that browser
 * send it: without an origin, from a sibling's page, to another tenant, doubled. Returns the routes that
 * accept such a request.
 */
export async function cookieFaults(world: World): Promise<string[]> {
  const cookie = await signedIn(world, world.a)
  const own = originOf(world.a)
  const faults: string[] = []
  for (const route of world.routes.filter((it) => !isAnonymous(it))) {
    const ask = (to: PopulatedTenant, headers: Record<string, string>) =>
      world.api.send(hostOf(to), { method: route.method, path: pathToNothing(route), headers })
    const attacks: [string, number, TestReply][] = [
      ['another tenant', 401, await ask(world.b, { cookie, origin: originOf(world.b) })],
      ['two cookies', 401, await ask(world.a, { cookie: `${cookie}; ${cookie}`, origin: own })],
    ]
    if (route.method !== 'GET') {
      attacks.push(
        ['no Origin', 403, await ask(world.a, { cookie })],
        ["a sibling's Origin", 403, await ask(world.a, { cookie, origin: originOf(world.b) })],
      )
    }
    faults.push(...attacks.flatMap((it) => faultOf(route, it)))
    if (route.method !== 'GET') continue
    const { status } = await ask(world.a, { cookie })
    if (status === 401) faults.push(`${nameOf(route)}: does not accept a session cookie`)
  }
  return faults
}

function faultOf(route: Route, [attack, wanted, { status }]: [string, number, TestReply]) {
  return status === wanted
    ? []
    : [`${nameOf(route)}: a session cookie with ${attack} answers ${status}, not ${wanted}`]
}

// As in development: on http and a loopback name, which the tests serve beside their base domain.
function hostOf({ tenant }: PopulatedTenant): string {
  return `${tenant.subdomain}.localhost`
}

function originOf(populated: PopulatedTenant): string {
  return `http://${hostOf(populated)}`
}

async function signedIn({ api }: World, populated: PopulatedTenant): Promise<string> {
  // A member without roles: what is rejected before its permissions are read needs none.
  const { email, password } = populated.users['none'] ?? populated.admin
  const reply = await api.send(hostOf(populated), {
    method: 'POST',
    path: '/api/auth/login',
    body: { email, password, session: 'cookie' },
    headers: { origin: originOf(populated) },
  })
  const [cookie] = reply.headers['set-cookie']?.split(';') ?? []
  if (cookie === undefined) throw new Error(`the sweeps got no session cookie: ${reply.text}`)
  return cookie
}
