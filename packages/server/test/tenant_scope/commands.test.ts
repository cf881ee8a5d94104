import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestApp, type TestApp } from '../../src/testing.ts'
import { app } from '../fixtures/app/app.ts'
import { makeWorkplace, type Workplace } from '../fixtures/cli.ts'
import { asRole, serverSettings, sharedDatabase } from '../fixtures/databases.ts'

let api: TestApp
let place: Workplace
beforeAll(async () => {
  api = await startTestApp(app)
  place = makeWorkplace()
})
afterAll(() => Promise.all([api.close(), place.remove()]))

test('a command that ends a person asks for the tenant, and ends the account of that one only', {
  timeout: 120_000,
}, async () => {
  const [a, b] = [await api.makeTenant(), await api.makeTenant()]
  const email = `twin-${randomBytes(6).toString('hex')}@example.com`
  const [ofA, ofB] = [await a.makeUser({ email }), await b.makeUser({ email })]
  const settings = { ...serverSettings(), DB_PLATFORM_URL: sharedDatabase().platform }
  const run = (command: string) => place.run(`user ${command} --email ${email}`, settings)
  const asked = await run('disable')
  expect([asked.code, asked.stderr]).toEqual([
    1,
    expect.stringContaining(`say with --tenant which account of ${email}`),
  ])
  const disabled = await run(`disable --tenant ${a.subdomain} --json`)
  expect(JSON.parse(disabled.stdout), disabled.stderr).toMatchObject({ tenants: [a.subdomain] })
  const link = await run(`reset-link --tenant ${b.subdomain}`)
  expect(link.stdout, link.stderr).toContain(`${b.subdomain}.localhost`)
  const deleted = await run(`delete --tenant ${a.subdomain} --yes`)
  expect(deleted.code, deleted.stderr).toBe(0)
  const { rows } = await asRole('platform', (client) =>
    client.query('select id, is_active from tenantry.users where email_key = $1', [email]),
  )
  expect(rows).toEqual([{ id: ofB.id, is_active: true }])
  expect(ofA.id).not.toBe(ofB.id)
})
