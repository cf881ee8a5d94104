import { createHash } from 'node:crypto'
import fastJson from 'fast-json-stringify'
import { z } from 'zod'
import type { Route } from '../../app/route.ts'
import { memoize } from '../../lib/cache/memoize.ts'
import { withoutTrailingSlash } from './allowed_methods.ts'
import { assertFile } from './file_reply.ts'
import { locationFor } from './redirect_reply.ts'

/** Turns a handler's result into the bytes of the reply. Fields that the schema does not list are dropped. */
export type Serializer = (result: unknown) => string

/**
 * The serializer of a route's reply; undefined for an empty one. Of a redirect it is the Location, and of a
 * file, whose bytes are sent later, the type.
 */
export function serializerOf(route: Route): Serializer | undefined {
  const { sends } = route
  if (sends?.kind === 'redirect') return (target) => locationFor(sends, target)
  if (sends?.kind === 'file') return (given) => assertFile(sends, given).type
  return route.reply === undefined ? undefined : compile(route.reply)
}

// Compiling is most of a server's start. Routes that read, create and change one noun have the same reply.
const compile = memoize((reply: z.ZodType): Serializer => {
  const schema = z.toJSONSchema(reply, {
    target: 'draft-7',
    override: withoutAdditionalProperties,
  })
  // fast-json-stringify declares its own type for a draft-7 schema.
  return fastJson(schema as fastJson.Schema)
})

// Unlisted fields are dropped in any case. With `additionalProperties: false`, a union or a nullable object
// would reject a row that has one more column.
function withoutAdditionalProperties({
  jsonSchema,
}: {
  jsonSchema: z.core.JSONSchema.BaseSchema
}): void {
  if (jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties
}

/** A strong validator (RFC 9110, 8.8.3): the hash of the representation's bytes. */
export function etagOf(payload: string): string {
  return `"${createHash('sha256').update(payload).digest('base64url').slice(0, 27)}"`
}

/** Does this route read one resource, so that its reply carries an etag? */
export function hasEtag(route: Route): boolean {
  return route.method === 'GET' && route.sends === undefined && route.single
}

/** The path of a created resource (RFC 9110, 10.2.2), if the reply has its id. */
export function locationOf(route: Route, url: string, result: unknown): string | undefined {
  if (route.status !== 201 || typeof result !== 'object' || result === null) return undefined
  const path = withoutTrailingSlash(url.split('?', 1)[0] ?? url)
  return 'id' in result ? `${path}/${encodeURIComponent(String(result.id))}` : undefined
}
