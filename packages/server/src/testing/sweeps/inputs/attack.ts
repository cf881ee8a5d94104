import type { Route } from '../../../app/route.ts'
import type { TestReply } from '../../http_client.ts'
import { isEqual, isEqualButForNewIds } from '../world/compare.ts'
import { MIN_DISTINCTIVE_LENGTH, textsIn } from '../world/rows.ts'
import { isRemoval, nameOf, readyFor, sendTo, type World } from '../world/world.ts'
import { type Field, fieldsOf, type Inputs, inputsFor, requestWith } from './fields.ts'
import { absentFor, type ForeignValue } from './foreign_values.ts'
import { isSecretName } from './places.ts'

/**
 * Sends every value of tenant B in each input of a route of tenant A, and a quote. The reply must equal
 * that for a value that never was. Returns one violation for each input.
 */
export async function attackInputs(
  world: World,
  route: Route,
  values: readonly ForeignValue[],
): Promise<string[]> {
  const faults: string[] = []
  const inputs = inputsFor(world, route, world.a)
  for (const field of fieldsOf(world, route, inputs)) {
    const attack = { world, route, field, inputs }
    // A secret selects no row by itself, and checking one is slow by intent.
    const isTold = isSecretName(field.name) || `${nameOf(route)} ${field.name}` in globalNames
    const tried = isTold ? [] : values
    const fault = (await foreignFault(attack, tried)) ?? (await quoteFault(attack))
    if (fault !== undefined) faults.push(`${nameOf(route)}: ${field.name} ${fault}`)
  }
  return faults
}

// Inputs that compare with values of every tenant, and why.
const globalNames: Readonly<Record<string, string>> = {
  'POST /api/hand-overs body /to': 'a person may go to each of their own tenants',
  'POST /api/sign-ups body /subdomain': 'a subdomain is unique in the installation',
  'GET /api/subdomains/:name :name':
    'a subdomain is unique in the installation, and its host answers',
}

interface Attack {
  world: World
  route: Route
  field: Field
  inputs: Inputs
}

async function foreignFault(attack: Attack, values: readonly ForeignValue[]) {
  for (const { text, of } of values) {
    const difference = await differenceOf(attack, text, () => absentFor(text))
    if (difference !== undefined) {
      return (
        `with a value of another tenant answers ${difference} (${of}); ` +
        "read and write only through ctx.db, which has this tenant's rows"
      )
    }
  }
  return undefined
}

async function quoteFault(attack: Attack): Promise<string | undefined> {
  const { reply } = (await send(attack, "'")) ?? {}
  if (reply !== undefined && reply.status >= 500)
    return `with a quote answers ${reply.status}; pass it to SQL as a parameter`
  if (isSecretName(attack.field.name)) return undefined
  const difference = await differenceOf(attack, "zz' or '1'='1", () => "zz' or '1'='2")
  return difference === undefined
    ? undefined
    : `with SQL in it answers ${difference}; pass it to SQL as a parameter`
}

// Another request may change one reply, but hardly both times. A second new value, because the first one
// may exist by now.
async function differenceOf(attack: Attack, foreign: string, absent: () => string) {
  const first = await compare(attack, foreign, absent())
  return first === undefined ? undefined : compare(attack, foreign, absent())
}

async function compare(attack: Attack, foreign: string, absent: string) {
  const [theirs, none] = [await send(attack, foreign), await send(attack, absent)]
  if (theirs === undefined || none === undefined) return undefined
  const same = attack.route.method === 'GET' ? isEqual : isEqualButForNewIds
  if (same(theirs.masked, none.masked)) return undefined
  const shown = ({ reply }: Sent) => `${reply.status} ${reply.text.slice(0, 150)}`
  return `${shown(theirs)}, and one that never was ${shown(none)}`
}

interface Sent {
  reply: TestReply
  /** The reply without the texts that were sent. */
  masked: TestReply
}

async function send({ world, route, field, inputs }: Attack, text: string) {
  if (field.put(inputs, text) === undefined) return undefined
  const { a } = world
  // A removal needs something to remove, and a create names that are not taken.
  const here = isRemoval(route) && !field.name.startsWith(':') ? await readyFor(world, route, a) : a
  const base = route.method === 'GET' ? inputs : inputsFor(world, route, here)
  const put = field.put(base, text)
  if (put === undefined) return undefined
  const reply = await sendTo(world, route, a, { ...requestWith(route, put), user: a.admin })
  // A short text is the same in each request, and would be hidden in ids and times as well.
  const distinct = textsIn(put.body).filter((it) => it.length >= MIN_DISTINCTIVE_LENGTH)
  const texts = [text, ...distinct].toSorted((x, y) => y.length - x.length)
  return { reply, masked: texts.filter((it) => it !== '').reduce(masked, reply) }
}

// A reply may repeat what was sent, as a header or in its text.
function masked(reply: TestReply, sent: string): TestReply {
  const { 'content-length': _length, ...others } = reply.headers
  const hide = (text: string) =>
    [JSON.stringify(sent).slice(1, -1), encodeURIComponent(sent), sent, sent.toLowerCase()].reduce(
      (hidden, it) => hidden.replaceAll(it, '*'),
      text,
    )
  const headers = Object.fromEntries(Object.entries(others).map(([name, it]) => [name, hide(it)]))
  return { ...reply, headers, text: hide(reply.text) }
}
