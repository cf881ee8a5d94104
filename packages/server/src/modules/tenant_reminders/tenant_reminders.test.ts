import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { app } from '../../../test/fixtures/app/app.ts'
import { asRole } from '../../../test/fixtures/databases.ts'
import { domainRow } from '../../../test/fixtures/domain_row.ts'
import { isGlobalScope } from '../../../test/fixtures/identity_scope.ts'
import { startTestApp, type TestApp } from '../../testing.ts'

let api: TestApp
beforeAll(async () => {
  api = await startTestApp(app)
})
afterAll(() => api.close())

const newAddress = () => `p-${randomBytes(6).toString('hex')}@example.com`
const remind = (body: object) =>
  api.send(api.config.APP_HOST, { method: 'POST', path: '/api/tenant-reminders', body })

/** A person with memberships that count, and some that do not. */
async function person() {
  const email = newAddress()
  const [one, two, left, closed] = [
    await api.makeTenant({ name: 'Zeta' }),
    await api.makeTenant({ name: 'alpha' }),
    await api.makeTenant({ name: 'Left' }),
    await api.makeTenant({ name: 'Closed' }),
  ]
  const user = await one.makeUser({ email })
  for (const it of [two, left, closed]) await it.makeUser({ email })
  await api.database.acrossTenants('test', async (db) => {
    await db
      .updateTable('tenantry.members')
      .set({ is_active: false })
      .where('tenant_id', '=', left.id)
      .where('user_id', '=', user.id)
      .execute()
    await db
      .updateTable('tenantry.tenants')
      .set({ status: 'suspended' })
      .where('id', '=', closed.id)
      .execute()
  })
  return { user, one, two }
}

describe('the tenants of an account', () => {
  test.runIf(isGlobalScope())('are those with an active membership, by name', async () => {
    const { user, one, two } = await person()
    const { status, json } = await one.send({ path: '/api/account/tenants', user })
    const origin = (subdomain: string) => `https://${subdomain}.app.test`
    expect([status, json.items]).toEqual([
      200,
      [
        {
          ...{ id: two.id, name: 'alpha', subdomain: two.subdomain },
          ...{ origin: origin(two.subdomain), home: origin(two.subdomain), domains: [] },
          is_current: false,
        },
        {
          ...{ id: one.id, name: 'Zeta', subdomain: one.subdomain },
          ...{ origin: origin(one.subdomain), home: origin(one.subdomain), domains: [] },
          is_current: true,
        },
      ],
    ])
  })

  test('are shown to that person only', async () => {
    const { one } = await person()
    const other = await one.makeUser()
    const { json } = await one.send({ path: '/api/account/tenants', user: other })
    expect(json.items.map((it: { id: string }) => it.id)).toEqual([one.id])
    expect((await one.send({ path: '/api/account/tenants' })).status).toBe(401)
  })

  test('leave no person behind on the connection of the identity role', async () => {
    const { user } = await person()
    const rows = await asRole('identity', async (client) => {
      await client.query('begin')
      await client.query('select * from tenantry.workspaces_of_person($1)', [user.id])
      const members = await client.query('select user_id from tenantry.members')
      await client.query('rollback')
      return members.rows
    })
    expect(rows).toEqual([])
  })
})

// A primary domain that fails leads people to the subdomain again.
test.runIf(isGlobalScope())(
  'lists and reminders lead to the primary domain of a tenant, while it does not fail',
  async () => {
    const { user, one } = await person()
    const [primary, second] = [`a-${one.subdomain}.example`, `b-${one.subdomain}.example`]
    await api.database.acrossTenants('test', (db) =>
      db
        .insertInto('tenantry.domains')
        .values([
          { ...domainRow(primary, one.id), is_primary: true },
          { ...domainRow(second, one.id), is_primary: false },
          { ...domainRow(`c-${second}`, one.id, false), is_primary: false },
        ])
        .execute(),
    )
    const homeOfOne = async () => {
      const { json } = await one.send({ path: '/api/account/tenants', user })
      return json.items.find((it: { id: string }) => it.id === one.id)
    }
    expect(await homeOfOne()).toMatchObject({
      ...{ origin: `https://${one.host}`, home: `https://${primary}` },
      domains: [primary, second],
    })
    await remind({ email: user.email })
    const [mail] = await api.mailsTo(user.email)
    expect(mail?.text).toContain(`https://${primary}/`)
    const change = (values: object) =>
      api.database.acrossTenants('test', (db) =>
        db.updateTable('tenantry.domains').set(values).where('name', '=', primary).execute(),
      )
    await change({ state: 'failing', failing_since: new Date() })
    expect(await homeOfOne()).toMatchObject({ home: `https://${one.host}` })
    await change({
      state: 'detached',
      failing_since: null,
      detached_at: new Date(),
      is_primary: false,
    })
    expect(await homeOfOne()).toMatchObject({ home: `https://${one.host}`, domains: [second] })
  },
)

describe('a reminder', () => {
  test.runIf(isGlobalScope())(
    'mails the tenants of an account, in the language of the page',
    async () => {
      const { user, one, two } = await person()
      const reply = await remind({ email: user.email.toUpperCase(), locale: 'de' })
      expect([reply.status, reply.text]).toEqual([202, ''])
      const [mail] = await api.mailsTo(user.email)
      expect(mail?.subject).toBe(`Ihre Arbeitsbereiche bei ${app.name}`)
      const links = mail?.text.match(/https:\S+/g)
      expect(links).toEqual([two, one].map((it) => `https://${it.subdomain}.app.test/`))
      expect(mail?.text).not.toMatch(/Left|Closed/)
    },
  )

  test.runIf(isGlobalScope())(
    'answers alike to an address without an account, and mails nothing',
    async () => {
      const { user } = await person()
      const nobody = newAddress()
      const [known, unknown] = [
        await remind({ email: user.email }),
        await remind({ email: nobody }),
      ]
      const shape = ({ status, text, headers }: typeof known) => {
        const { 'x-request-id': _, date: __, ...others } = headers
        return [status, text, others]
      }
      expect(shape(known)).toEqual(shape(unknown))
      await api.mailsTo(user.email)
      await api.running.settle()
      expect(await api.mailsTo(nobody, 0)).toEqual([])
    },
  )

  test.runIf(isGlobalScope())(
    'takes as long for an address with an account as for one without (AUTHN-4)',
    async () => {
      const emails = Array.from({ length: 200 }, newAddress)
      await asRole('platform', (client) =>
        client.query(
          `insert into tenantry.users (id, email, email_key)
         select gen_random_uuid(), it, it from unnest($1::text[]) it`,
          [emails],
        ),
      )
      const times: Record<'known' | 'unknown', number[]> = { known: [], unknown: [] }
      const measure = async (kind: keyof typeof times, email: string) => {
        const begun = performance.now()
        expect((await remind({ email })).status).toBe(202)
        times[kind].push(performance.now() - begun)
      }
      for (const email of emails) {
        await measure('known', email)
        await measure('unknown', newAddress())
      }
      const median = (values: number[]) => values.toSorted((a, b) => a - b)[100] ?? 0
      const ratio = median(times.known) / median(times.unknown)
      expect(ratio).toBeGreaterThan(0.8)
      expect(ratio).toBeLessThan(1.25)
    },
    120_000,
  )

  test.runIf(isGlobalScope())('reaches a mailbox three times a day', async () => {
    const { user } = await person()
    for (let n = 0; n < 5; n++) expect((await remind({ email: user.email })).status).toBe(202)
    await api.running.settle()
    expect(await api.mailsTo(user.email, 3)).toHaveLength(3)
  })

  test('is refused for what is no address', async () => {
    for (const email of ['', 'a', 'a@b.example, c@d.example']) {
      expect((await remind({ email })).status).toBe(422)
    }
  })
})
