import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import type { Route } from '../../app/route.ts'
import type { TestReply, TestRequest } from '../http_client.ts'
import type { TestUser } from '../test_app.ts'
import {
  call,
  inSafeOrder,
  nameOf,
  pathToNothing,
  readyFor,
  sendTo,
  type World,
} from './world/world.ts'

/** Returns the differences between a reply and its description. */
type ReplyCheck = (route: Route, reply: TestReply) => string[]

interface DescribedResponse {
  $ref?: string
  content?: Record<string, { schema?: unknown }>
}

/** Validates replies against the app's own OpenAPI document: status, media type, body. */
export function replyCheck({ api }: World): ReplyCheck {
  const { document } = api.running
  const ajv = new Ajv2020({ strict: false, allErrors: true })
  addFormats.default(ajv)
  ajv.addSchema(document, 'api')
  return (route, reply) => {
    const path = route.path.replaceAll(/:(\w+)/g, '{$1}')
    const operation = document.paths[path]?.[route.method.toLowerCase()]
    const responses = operation?.['responses'] as Record<string, DescribedResponse> | undefined
    const described = responses?.[String(reply.status)]
    if (described === undefined)
      return [`${nameOf(route)}: status ${reply.status} is not described`]
    const response = resolve(document, described)
    const type = reply.headers['content-type']?.split(';', 1)[0] ?? ''
    const schema = response.content?.[type]?.schema
    if (route.sends?.kind === 'file' && response.content?.[type] !== undefined && !schema) {
      return fileFaults(route, reply)
    }
    if (schema === undefined) return emptyFaults(route, reply, response)
    // References point into the document, so that components resolve.
    const validate = ajv.compile(rebase(schema))
    return validate(reply.json)
      ? []
      : [
          `${nameOf(route)}: ${reply.status} is not as described: ${ajv.errorsText(validate.errors)}`,
        ]
  }
}

/** Calls every route with valid and invalid requests, and checks each reply. */
export async function replyFaults(world: World): Promise<string[]> {
  const check = replyCheck(world)
  const faults: string[] = []
  for (const route of inSafeOrder(world)) {
    const { method } = route
    const { admin } = world.a
    const send = (request: Partial<TestRequest> & { user?: TestUser | undefined } = {}) =>
      sendTo(world, route, world.a, { method, path: pathToNothing(route), ...request })
    const here = await readyFor(world, route, world.a)
    const replies = [
      await send(),
      await send({ user: admin, body: { '?': 1 } }),
      await send({ user: admin, body: '{' }),
      await send({ user: world.a.users['none'] }),
      await call(world, route, here, here.admin),
    ]
    faults.push(...replies.flatMap((reply) => check(route, reply)))
  }
  return [...new Set(faults)]
}

function resolve(document: object, response: DescribedResponse): DescribedResponse {
  if (response.$ref === undefined) return response
  const parts = response.$ref.replace('#/', '').split('/')
  // The kernel writes the document. A dangling reference fails the check that follows.
  return parts.reduce<unknown>(
    (node, part) => (node as Record<string, unknown> | undefined)?.[part],
    document,
  ) as DescribedResponse
}

function rebase(schema: unknown): Record<string, unknown> {
  return JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"api#/'))
}

// What keeps a file from becoming script on the origin that holds the session.
function fileFaults(route: Route, { headers }: TestReply): string[] {
  const isSafe =
    headers['content-security-policy'] === "sandbox; default-src 'none'" &&
    headers['x-content-type-options'] === 'nosniff' &&
    /^(attachment|inline); filename=/.test(headers['content-disposition'] ?? '')
  return isSafe ? [] : [`${nameOf(route)}: sends a file without the headers that confine it`]
}

function emptyFaults(route: Route, reply: TestReply, { content }: DescribedResponse): string[] {
  if (content === undefined && reply.text === '') return []
  const type = reply.headers['content-type'] ?? 'no content type'
  return [`${nameOf(route)}: ${reply.status} has the content type ${type}, which is not described`]
}
