import { expect, test } from 'vitest'
import { z } from 'zod'
import { createRoutes, type Route } from '../../app/route.ts'
import { describeSchemas } from './schemas.ts'

const { get, post } = createRoutes<never, never, never>()

function routeWith(body: z.ZodType | undefined, reply: z.ZodType): Route {
  return post('/api/things', {
    access: 'public',
    summary: 'Make a thing',
    body,
    reply,
    handle: () => ({}),
  })
}

test('a schema that differs as input becomes two, and so do schemas that refer to it', () => {
  const Part = z.object({ size: z.int().default(1) }).meta({ id: 'Part' })
  const Thing = z.object({ parts: z.array(Part) }).meta({ id: 'Thing' })
  const { components, of } = describeSchemas([routeWith(Thing, Thing)])
  expect(Object.keys(components)).toEqual(['Part', 'PartInput', 'Thing', 'ThingInput'])
  expect(components['Part']).toMatchObject({ required: ['size'] })
  expect(components['PartInput']).not.toHaveProperty('required')
  expect(components['ThingInput']).toMatchObject({
    properties: { parts: { items: { $ref: '#/components/schemas/PartInput' } } },
  })
  expect(of(Thing, 'input')).toEqual({ $ref: '#/components/schemas/ThingInput' })
})

test('a schema that is equal in both directions stays one', () => {
  const Thing = z.object({ name: z.string() }).meta({ id: 'Thing' })
  expect(Object.keys(describeSchemas([routeWith(Thing, Thing)]).components)).toEqual(['Thing'])
})

test('replies may have more fields in later versions; bodies may not', () => {
  const New = z.strictObject({ name: z.string() }).meta({ id: 'New' })
  const Thing = z.strictObject({ id: z.uuid() }).meta({ id: 'Thing' })
  const { components } = describeSchemas([routeWith(New, Thing)])
  expect(components['New']).toHaveProperty('additionalProperties', false)
  expect(components['Thing']).not.toHaveProperty('additionalProperties')
})

test('two schemas with one name are rejected with the route', () => {
  const one = z.object({ a: z.string() }).meta({ id: 'Thing' })
  const other = z.object({ b: z.string() })
  // zod rejects a duplicate id within one registry, but two packages can still use the same id.
  const copy = other.meta({ id: 'Thing' })
  expect(() => describeSchemas([routeWith(undefined, one), routeWith(undefined, copy)])).toThrow(
    /POST \/api\/things.*"Thing"/,
  )
})

test('a query is no component, but its named fields are', () => {
  const Kind = z.enum(['new', 'old']).meta({ id: 'Kind' })
  const Query = z.object({ kind: Kind.optional(), n: z.coerce.number() }).meta({ id: 'Query' })
  const route = get('/api/things', {
    access: 'public',
    summary: 'Find things',
    query: Query,
    reply: z.object({}),
    handle: () => ({}),
  })
  const { components, fieldsOf } = describeSchemas([route])
  expect(Object.keys(components)).toEqual(['Kind'])
  expect(fieldsOf(Query)).toEqual([
    { name: 'kind', required: false, schema: { $ref: '#/components/schemas/Kind' } },
    { name: 'n', required: true, schema: { type: 'number' } },
  ])
})

test('a nullable schema is one schema with two types', () => {
  const Thing = z.object({ id: z.uuid().nullable(), kind: z.enum(['a']).nullable() })
  const schema = describeSchemas([routeWith(undefined, Thing)]).of(Thing, 'output')
  expect(schema['properties']).toEqual({
    id: { type: ['string', 'null'], format: 'uuid' },
    kind: { anyOf: [{ type: 'string', enum: ['a'] }, { type: 'null' }] },
  })
})
