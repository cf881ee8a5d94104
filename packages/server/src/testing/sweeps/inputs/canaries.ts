import { isAnonymous, type Route } from '../../../app/route.ts'
import type { TestReply } from '../../http_client.ts'
import type { TestUser } from '../../test_app.ts'
import { inSafeOrder, nameOf, readyFor, sendTo, type World } from '../world/world.ts'
import { canaryFor, type Field, fieldsOf, type Inputs, inputsFor, requestWith } from './fields.ts'
import { captureOutput } from './output.ts'
import { type Canary, placeFaults } from './places.ts'
import { statementFaultsOf } from './statement_rules.ts'

// Inputs that replies to errors of the kernel repeat, and why.
const repeated: Readonly<Record<string, string>> = {
  'POST /api/roles body /permissions/0': 'the detail names the permission that does not exist',
  'PATCH /api/roles/:role_id body /permissions/0': 'the detail names the unknown permission',
  'PATCH /api/members/:user_id body /roles/0': 'the detail names the role that does not exist',
}

/**
 * Calls every route of tenant A with a unique text, a canary, in each input. No canary may be in the text
 * of a statement, in an error's reply, a log line, the output, an audit row, a metric, or anything of
 * tenant B. No statement may set the tenant or act on the session. Returns the violations.
 */
export async function inputFaults(world: World): Promise<string[]> {
  const canaries: Canary[] = []
  const faults: string[] = []
  const output = captureOutput()
  try {
    for (const route of inSafeOrder(world)) {
      for (const suffix of ['', "'"])
        faults.push(...(await callWithAll(world, route, suffix, canaries)))
    }
    await world.api.running.settle()
  } finally {
    output.stop()
  }
  return [...new Set([...faults, ...(await placeFaults(world, canaries, output.text()))])]
}

interface Call {
  inputs: Inputs
  sent: Canary[]
}

// One rejected field hides the others, so a rejected call is repeated with each field alone.
async function callWithAll(world: World, route: Route, suffix: string, canaries: Canary[]) {
  const here = await readyFor(world, route, world.a)
  const base = inputsFor(world, route, here)
  const fields = fieldsOf(world, route, base)
  const first = await callOnce(
    world,
    route,
    withCanaries(route, base, fields, suffix),
    here.admin,
    canaries,
  )
  if (!first.rejected || fields.length < 2) return first.faults
  const faults = [...first.faults]
  for (const field of fields) {
    const alone = withCanaries(route, base, [field], suffix)
    if (alone.sent.length > 0)
      faults.push(...(await callOnce(world, route, alone, here.admin, canaries)).faults)
  }
  return faults
}

async function callOnce(
  world: World,
  route: Route,
  call: Call,
  admin: TestUser,
  canaries: Canary[],
) {
  const { inputs, sent } = call
  canaries.push(...sent)
  const replies: TestReply[] = []
  const statements = await world.api.statementsOf(async () => {
    const user = isAnonymous(route) ? undefined : admin
    // A second create is a conflict, whose reply may repeat the input.
    const times = route.status === 201 ? 2 : 1
    for (let n = 0; n < times; n++) {
      replies.push(await sendTo(world, route, world.a, { ...requestWith(route, inputs), user }))
    }
    await world.api.running.settle()
  })
  const faults = [
    ...statements.flatMap(statementFaultsOf).map((it) => `${nameOf(route)}: ${it}`),
    ...textFaults(
      route,
      call,
      statements.map((it) => it.text),
    ),
    ...replies.flatMap((reply) => replyFaults(route, sent, reply)),
  ]
  return { faults, rejected: (replies[0]?.status ?? 0) >= 400 }
}

function withCanaries(route: Route, base: Inputs, fields: Field[], suffix: string): Call {
  const sent: Canary[] = []
  let inputs = base
  for (const field of fields) {
    const text = canaryWith(field, inputs, suffix)
    const changed = text === undefined ? undefined : field.put(inputs, text)
    if (text === undefined || changed === undefined) continue
    inputs = changed
    sent.push({ route, field: field.name, text })
  }
  return { inputs, sent }
}

function canaryWith(field: Field, inputs: Inputs, suffix: string): string | undefined {
  const canary = canaryFor(field, inputs)
  return canary === undefined ? undefined : canary + suffix
}

// The canaries, and the ids that were sent.
function textFaults(route: Route, { inputs, sent }: Call, texts: string[]): string[] {
  const ids = Object.entries(inputs.params).map(([name, text]) => ({ field: `:${name}`, text }))
  return [...sent, ...ids]
    .filter(({ text }) => texts.some((it) => it.includes(text.replace(/'$/, ''))))
    .map(
      ({ field }) =>
        `${nameOf(route)}: ${field} is in the text of a statement; ` +
        'pass it as a parameter: .where(column, "=", value), or a placeholder of sql`…`',
    )
}

function replyFaults(route: Route, sent: Canary[], { status, text }: TestReply): string[] {
  if (status >= 500) {
    const fields = sent.map((it) => it.field).join(' ')
    return [`${nameOf(route)}: unusual text in ${fields} answers ${status}; ${BAD_TEXT}`]
  }
  if (status < 400) return []
  return sent
    .filter((it) => text.includes(it.text) && !(`${nameOf(route)} ${it.field}` in repeated))
    .map(
      ({ field }) =>
        `${nameOf(route)}: ${field} is repeated in the reply of an error; write a detail without its value`,
    )
}

const BAD_TEXT = 'pass each input to SQL as a parameter, and reject what the handler cannot use'
