import { randomBytes, randomUUID } from 'node:crypto'
import { isAnonymous } from '../../../app/route.ts'
import { valuesByColumn } from '../world/rows.ts'
import { call, type World } from '../world/world.ts'

/** A text that only tenant B has, and what it is. */
export interface ForeignValue {
  text: string
  of: string
}

const UUID = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/
// Times, bytea and hashes: no handler looks rows up by those of another tenant.
const UNLIKELY = /^\d{4}-\d\d-\d\d[T ]|^\\x|^\$argon2/

/** One value of each column of B that A does not have, B's own cursors, and the address of its user. */
export async function foreignValues(world: World): Promise<ForeignValue[]> {
  const { a, b } = world
  const own = new Set([...(await valuesByColumn(a.tenant.id)).values()].flatMap((it) => [...it]))
  const found = new Map<string, string>()
  for (const [column, values] of await valuesByColumn(b.tenant.id)) {
    // It repeats ids of other tables, and no route takes an id of its own.
    if (column.startsWith('tenantry.audit_logs.')) continue
    const text = [...values].find((it) => !own.has(it) && !UNLIKELY.test(it) && !found.has(it))
    if (text !== undefined) found.set(text, column)
  }
  found.set(b.spare.email, 'the address of a user')
  for (const [collection, id] of b.ids) if (!own.has(id)) found.set(id, `the id in ${collection}`)
  for (const cursor of await cursorsOf(world)) found.set(cursor, 'a cursor')
  return [...found].map(([text, of]) => ({ text, of }))
}

/** A value of the same form that never was. The same for every value of this form. */
export function absentFor(text: string): string {
  if (UUID.test(text)) return randomUUID()
  const letters = randomBytes(text.length).toString('hex')
  let at = 0
  return text.replaceAll(/[a-z\d]/gi, (it) => sameKind(it, letters[at++] ?? 'a'))
}

function sameKind(original: string, hex: string): string {
  const number = Number.parseInt(hex, 16)
  if (/\d/.test(original)) return String(number % 10)
  const letter = String.fromCharCode(97 + number)
  return /[A-Z]/.test(original) ? letter.toUpperCase() : letter
}

async function cursorsOf(world: World): Promise<string[]> {
  const { b, routes } = world
  const cursors: string[] = []
  for (const route of routes.filter((it) => it.method === 'GET' && !isAnonymous(it))) {
    const limited = { ...b.tenant, send: limitedTo(b.tenant.send) }
    const { json } = await call(world, route, { ...b, tenant: limited }, b.admin)
    if (typeof json?.next_cursor === 'string') cursors.push(json.next_cursor)
  }
  return cursors
}

function limitedTo(send: World['b']['tenant']['send']): typeof send {
  return (request) => send({ ...request, path: `${request.path}?limit=1` })
}
