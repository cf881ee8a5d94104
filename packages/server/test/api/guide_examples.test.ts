import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { withClient } from '../../src/db/connect/with_client.ts'
import { lint } from '../../src/db/lint/lint.ts'
import { listIndexes } from '../../src/db/lint/list_rules.ts'
import { backgroundScope } from '../../src/db/tenancy.ts'
import { defineApp, newId } from '../../src/index.ts'
import { startTestApp, type TestApp, type TestTenant, type TestUser } from '../../src/testing.ts'
import { app } from '../fixtures/app/app.ts'
import { sharedDatabase } from '../fixtures/databases.ts'
import { InvoiceList, listRoutes, range, routes } from '../fixtures/guides/guide_examples.ts'
import { policy, signatureOf } from '../fixtures/guides/invoices.ts'

let api: TestApp
let tenant: TestTenant
let user: TestUser
beforeAll(async () => {
  api = await startTestApp(defineApp({ ...app, policy, routes }))
  tenant = await api.makeTenant()
  user = await tenant.makeUser({ roles: ['admin_tenant'] })
})
afterAll(() => api.close())

test('the list of docs/lists.md has the indexes that the page names', async () => {
  const page = readFileSync(join(import.meta.dirname, '../../../../docs/lists.md'), 'utf8')
  const indexes = page.match(/^create index .*;$/gm) ?? []
  await withClient(sharedDatabase().owner, async (client) => {
    await client.query('begin')
    await client.query(`create table invoices (tenant_id uuid, id uuid, state text, number text,
      number_key text collate "C", project_id uuid, created_at timestamptz)`)
    const missing = async () => {
      const found = await lint(client, [listIndexes(listRoutes)])
      return found.map(({ subject }) => subject)
    }
    expect(await missing()).toHaveLength(6)
    for (const statement of indexes) await client.query(statement)
    expect(await missing()).toEqual([])
    await client.query('rollback')
  })
  const { query } = InvoiceList
  expect(query.parse({ sort: '-state,created_at' }).sort).toBe('-state,created_at')
  expect(query.safeParse({ sort: 'state,created_at' }).success).toBe(false)
  expect(Object.keys(range.params)).toEqual(['from', 'to'])
})

// The examples of docs/files-and-webhooks.md.
test('the webhook of the guide takes what is signed, and nothing else', async () => {
  const text = JSON.stringify({ invoice: '2026-7' })
  const pay = (signature?: string) =>
    tenant.send({
      method: 'POST',
      path: '/api/payment-events',
      body: new Blob([text], { type: 'application/json' }),
      headers: signature === undefined ? {} : { 'payment-signature': signature },
    })
  expect((await pay(signatureOf(text))).status).toBe(204)
  expect((await pay(signatureOf(`${text} `))).status).toBe(401)
  expect((await pay()).status).toBe(422)
})

test('the file of the guide is downloaded under its name', async () => {
  const id = await api.database.inTenant(backgroundScope(tenant.id), async (db) => {
    const { rows } = await sql<{ id: string }>`
      insert into projects (id, name) values (${newId()}, '2026-8') returning id`.execute(db)
    return rows[0]?.id
  })
  const { headers, text } = await tenant.send({ path: `/api/invoices/${id}/file`, user })
  expect(headers).toMatchObject({
    'content-type': 'application/pdf',
    'content-disposition': 'attachment; filename="2026-8.pdf"',
  })
  expect(text).toBe('%PDF-1.7 2026-8')
})

test('the redirect of the guide leads to its origin alone', async () => {
  const go = (id: string) =>
    tenant.send({ path: `/api/checkouts/${encodeURIComponent(id)}/page`, user })
  const { status, headers } = await go('42')
  expect([status, headers['location']]).toEqual([303, 'https://pay.example.com/42'])
  expect((await go('https://evil.example')).json.code).toBe('redirect.target')
})

test('the cookie of the guide is kept by the client', async () => {
  const { json, headers } = await tenant.send({ path: '/api/themes?theme=dark' })
  expect(json).toEqual({ before: 'light' })
  const [cookie = ''] = headers['set-cookie']?.split(';') ?? []
  const again = await tenant.send({ path: '/api/themes?theme=light', headers: { cookie } })
  expect(again.json).toEqual({ before: 'dark' })
})
