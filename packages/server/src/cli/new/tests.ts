import type { Field } from './fields.ts'
import { list } from './layout.ts'
import type { Names } from './names.ts'

/** `<plural>.test.ts`, signed in as `role`. */
export function testSource(names: Names, fields: Field[], role: string): string {
  return `import { startTestApp, type TestApp, type TestTenant, type TestUser } from 'tenantry/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { app } from '../../runtime/create_app.ts'

let api: TestApp
let tenant: TestTenant
let admin: TestUser
beforeAll(async () => {
  api = await startTestApp(app)
  tenant = await api.makeTenant()
  admin = await tenant.makeUser({ roles: ['${role}'] })
})
afterAll(() => api.close())

const path = '${names.path}'
${list('const example = {', fields.map(exampleOf), '}')}

const create = (body: unknown) => tenant.send({ method: 'POST', path, user: admin, body })

describe('${names.words}', () => {
${lifeTest(fields)}

${listTest(role)}

  test('bad input says what to change', async () => {
    const reply = await create({ ...example, something_else: true })
    expect([reply.status, reply.json.errors.length]).toEqual([422, 1])
  })
})
`
}

function lifeTest(fields: Field[]): string {
  return `  test('are created, read, changed and deleted', async () => {
    const made = await create(example)
    expect(made.status).toBe(201)
    expect(made.json).toMatchObject(example)
    const own = \`\${path}/\${made.json.id}\`
    expect(made.headers['location']).toBe(own)
    expect((await tenant.send({ path: own, user: admin })).json).toEqual(made.json)
    const body = { ${fields.slice(0, 1).map(changeOf).join('')} }
    const changed = await tenant.send({ method: 'PATCH', path: own, user: admin, body })
    expect(changed.json).toMatchObject({ ...example, ...body })
    expect((await tenant.send({ method: 'DELETE', path: own, user: admin })).status).toBe(204)
    expect((await tenant.send({ path: own, user: admin })).status).toBe(404)
  })`
}

function listTest(role: string): string {
  return `  test('are listed newest first, to their own tenant only', async () => {
    const ids = [(await create(example)).json.id, (await create(example)).json.id]
    const { json } = await tenant.send({ path: \`\${path}?limit=2\`, user: admin })
    expect(json.items.map((it: { id: string }) => it.id)).toEqual(ids.toReversed())
    const other = await api.makeTenant()
    const stranger = await other.makeUser({ roles: ['${role}'] })
    const elsewhere = await other.send({ path, user: stranger })
    expect(elsewhere.json).toEqual({ items: [], next_cursor: null })
  })`
}

function exampleOf({ name, type }: Field): string {
  return `${name}: ${type.examples[0]}`
}

function changeOf({ name, type }: Field): string {
  return `${name}: ${type.examples[1]}`
}
