import { setTimeout } from 'node:timers/promises'
import type pg from 'pg'
import { inject } from 'vitest'
import type { Route } from '../../app/route.ts'
import { withDatabase } from '../../db/connect/dsn.ts'
import { withClient } from '../../db/connect/with_client.ts'
import type { TestReply } from '../http_client.ts'
import { canaryFor, type Field, fieldsOf, inputsFor, requestWith } from './inputs/fields.ts'
import { tablesOf } from './world/rows.ts'
import { inSafeOrder, nameOf, type World } from './world/world.ts'

const ARRIVAL_MS = 4_000

/**
 * Sends two changes of the same item to each PATCH and PUT route that race for certain: a lock of another
 * connection stops both before they write, until both have read what can be read without a lock. With the
 * same If-Match one of them must fail. Without it, changes of two different fields must both be kept.
 * Returns the violations.
 */
export async function raceFaults(world: World): Promise<string[]> {
  const faults: string[] = []
  for (const route of inSafeOrder(world).filter(({ method }) => /^P(ATCH|UT)$/.test(method))) {
    faults.push(...(await ifMatchFaults(world, route)), ...(await mergeFaults(world, route)))
  }
  return faults
}

async function ifMatchFaults(world: World, route: Route): Promise<string[]> {
  const changes = changesOf(world, route)
  const etag = (await read(world, route))?.headers['etag']
  const [one, other = one] = changes
  if (one === undefined || other === undefined || etag === undefined) return []
  const stale = await change(world, route, one(), { 'if-match': '"stale"' })
  // 400: the route does not support If-Match, and says so.
  if (stale.status === 400) return []
  if (stale.status !== 412) {
    return [`${nameOf(route)}: a stale If-Match answers ${stale.status}; ${COMPARE}`]
  }
  const headers = { 'if-match': etag }
  const replies = await race(world, [
    () => change(world, route, one(), headers),
    () => change(world, route, other(), headers),
  ])
  const succeeded = replies.filter(({ status }) => status < 400).length
  if (succeeded === 1) return []
  const statuses = replies.map((it) => it.status).join(' and ')
  return [
    `${nameOf(route)}: two changes with the same If-Match answer ${statuses}, one must be 412; ${LOCK}`,
  ]
}

// Each change names one field only. A handler that writes back what it read undoes the other change.
async function mergeFaults(world: World, route: Route): Promise<string[]> {
  const [one, other] = changesOf(world, route)
  const lacking = (need: string) => {
    world.unjudged.add(`${nameOf(route)}: whether a change is lost; that needs ${need}`)
    return []
  }
  if (one === undefined || other === undefined)
    return lacking('two text fields in its body that can be sent alone')
  if (readerOf(world, route) === undefined) return lacking('a GET on the same path')
  const sent = [one(), other()]
  const replies = await race(
    world,
    sent.map((it) => () => change(world, route, it)),
  )
  const after = (await read(world, route))?.text
  const statuses = replies.map((it) => it.status)
  if (after === undefined || statuses.some((it) => it >= 300))
    return lacking(`two changes that succeed, and they answer ${statuses.join(' and ')}`)
  const lost = sent.filter((it) => !after.includes(it.text))
  return lost.length === 0
    ? []
    : [
        `${nameOf(route)}: of two changes at the same time, that of ${lost.map((it) => it.name).join(', ')} is lost; ${LOCK}`,
      ]
}

interface Change {
  name: string
  text: string
  body: unknown
}

/** Bodies that change one text field each, which replies show. */
function changesOf(world: World, route: Route): (() => Change)[] {
  const inputs = { ...inputsFor(world, route, world.a) }
  const texts = fieldsOf(world, route, inputs).filter(({ name }) => /^body \/\w+$/.test(name))
  return texts.flatMap((field) => {
    const make = () => changeOf(field, { ...inputs, body: {} })
    return make() === undefined ? [] : [() => make() as Change]
  })
}

function changeOf(field: Field, inputs: Parameters<Field['put']>[0]): Change | undefined {
  const text = canaryFor(field, inputs)
  const put = text === undefined ? undefined : field.put(inputs, text)
  return text === undefined || put === undefined
    ? undefined
    : { name: field.name, text, body: put.body }
}

function change(world: World, route: Route, { body }: Change, headers = {}): Promise<TestReply> {
  const { tenant, admin } = world.a
  const given = inputsFor(world, route, world.a)
  const inputs = { ...given, body, headers: { ...given.headers, ...headers } }
  return tenant.send({ ...requestWith(route, inputs), user: admin })
}

async function read(world: World, route: Route): Promise<TestReply | undefined> {
  const reader = readerOf(world, route)
  if (reader === undefined) return undefined
  const { tenant, admin } = world.a
  const reply = await tenant.send({
    ...requestWith(reader, inputsFor(world, reader, world.a)),
    user: admin,
  })
  return reply.status === 200 ? reply : undefined
}

function readerOf(world: World, { path }: Route): Route | undefined {
  return world.routes.find((it) => it.method === 'GET' && it.path === path)
}

/** Starts all requests while the rows of A cannot be written, and lets them write when all wait. */
async function race(world: World, requests: (() => Promise<TestReply>)[]): Promise<TestReply[]> {
  const { admin, platform } = inject('tenantryDatabase')
  const url = withDatabase(admin, new URL(platform).pathname.slice(1))
  return withClient(url, async (client) => {
    await client.query('begin')
    // FOR SHARE stops FOR UPDATE and UPDATE, but neither reads nor foreign keys.
    const tables = await tablesOf(client)
    // Authentication writes these, and both requests would wait for one look-up.
    const held = tables.filter(({ name }) => !/^tenantry\.(tenants|sessions)$/.test(name))
    for (const { name, owner } of held) {
      await client.query(`select from ${name} where ${owner} = $1 for share`, [world.a.tenant.id])
    }
    let replied = 0
    const replies = requests.map((send) => send().finally(() => replied++))
    await untilAll(client, requests.length, () => replied)
    await client.query('rollback')
    return Promise.all(replies)
  })
}

async function untilAll(client: pg.Client, count: number, replied: () => number): Promise<void> {
  const deadline = Date.now() + ARRIVAL_MS
  while (Date.now() < deadline) {
    const { rows } = await client.query<{ n: number }>(waitingSql)
    if ((rows[0]?.n ?? 0) + replied() >= count) return
    await setTimeout(5)
  }
}

const COMPARE = 'call ctx.requireMatch with the row that is about to change'
const LOCK = 'read the row that is about to change with .forUpdate()'

// The second one waits for the first, and the first for this connection.
const waitingSql = `
  with recursive waiting(pid) as (
    select pid from pg_stat_activity where pg_backend_pid() = any (pg_blocking_pids(pid))
    union
    select a.pid from pg_stat_activity a join waiting w on w.pid = any (pg_blocking_pids(a.pid))
  )
  select count(*)::int as n from waiting`
