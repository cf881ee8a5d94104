import { createHash } from 'node:crypto'
import fastJson from 'fast-json-stringify'
import { z } from 'zod'
import type { Route } from '../../app/route.ts'

/** Turns a handler's result into the bytes of the reply: only what the schema lists can leave. */
export type Serializer = (result: unknown) => string

/** The serializer of a route's reply schema; undefined for a route with an empty reply. */
export function serializerOf(route: Route): Serializer | undefined {
  if (route.reply === undefined) return undefined
  const schema = z.toJSONSchema(route.reply, { target: 'draft-7', override: withoutRefusal })
  // fast-json-stringify types its schema by hand; zod's draft-7 output is one.
  return fastJson(schema as fastJson.Schema)
}

// What is not listed is left out, in any case. Said outright, it would make a union or a nullable
// object refuse a row that has one column more.
function withoutRefusal({ jsonSchema }: { jsonSchema: z.core.JSONSchema.BaseSchema }): void {
  if (jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties
}

/** A strong validator of a representation: its bytes, hashed (RFC 9110, 8.8.3). */
export function etagOf(payload: string): string {
  return `"${createHash('sha256').update(payload).digest('base64url').slice(0, 27)}"`
}

/** Is this a read of one thing, whose reply carries an etag? */
export function hasEtag(route: Route): boolean {
  return route.method === 'GET' && /\/:\w+$/.test(route.path)
}

/** Where a created resource can be read (RFC 9110, 10.2.2), if its reply says its id. */
export function locationOf(route: Route, url: string, result: unknown): string | undefined {
  if (route.status !== 201 || typeof result !== 'object' || result === null) return undefined
  const path = url.split('?', 1)[0] ?? url
  return 'id' in result ? `${path}/${encodeURIComponent(String(result.id))}` : undefined
}
