import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { app } from '../../../test/fixtures/app/app.ts'
import { asRole } from '../../../test/fixtures/databases.ts'
import { isGlobalScope } from '../../../test/fixtures/identity_scope.ts'
import { startTestApp, type TestApp, type TestTenant, type TestUser } from '../../testing.ts'

let api: TestApp
beforeAll(async () => {
  api = await startTestApp(app, { NEW_DEVICE_MAIL: 'on', TRUST_PROXY: '127.0.0.1' })
})
afterAll(() => api.close())

const FIREFOX = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:150.0) Gecko/20100101 Firefox/150.0'
const SUBJECT = /^New sign-in/

interface Device {
  address: string
  agent?: string
}

function signIn(tenant: TestTenant, user: TestUser, { address, agent = FIREFOX }: Device) {
  return tenant.send({
    method: 'POST',
    path: '/api/auth/login',
    body: { email: user.email, password: user.password },
    headers: { 'x-forwarded-for': address, 'user-agent': agent },
  })
}

async function noticesTo(user: TestUser) {
  await api.running.settle()
  const mails = await api.mailsTo(user.email, 1)
  // Not the one of the sign-in by which the test made the user. Two mails may leave in either order.
  return mails.filter((it) => SUBJECT.test(it.subject) && !it.text.includes('address 127.0.0.1'))
}

async function makeUser(): Promise<{ tenant: TestTenant; user: TestUser }> {
  const tenant = await api.makeTenant({ name: 'Acme' })
  return { tenant, user: await tenant.makeUser() }
}

describe('the notice of a new device', () => {
  test('names the browser and the address, and comes once for each of them', async () => {
    const { tenant, user } = await makeUser()
    await signIn(tenant, user, { address: '203.0.113.7' })
    const [notice, ...others] = await noticesTo(user)
    expect(others).toEqual([])
    expect(notice?.text).toContain('Firefox on Windows, from the address 203.0.113.7')
    await signIn(tenant, user, { address: '203.0.113.7' })
    await signIn(tenant, user, { address: '203.0.113.7', agent: FIREFOX.replaceAll('150', '151') })
    expect(await noticesTo(user)).toHaveLength(1)
    await signIn(tenant, user, { address: '203.0.113.8' })
    expect(await noticesTo(user)).toHaveLength(2)
    const other = FIREFOX.replace('Windows NT 10.0; Win64; x64', 'X11; Linux x86_64')
    await signIn(tenant, user, { address: '203.0.113.8', agent: other })
    expect(await noticesTo(user)).toHaveLength(3)
  })

  test.runIf(isGlobalScope())(
    'takes one /64 of IPv6 for one address, and holds in all tenants of the person',
    async () => {
      const { tenant, user } = await makeUser()
      const elsewhere = await api.makeTenant()
      await signIn(tenant, user, { address: '2001:db8:1:2::1' })
      expect(await noticesTo(user)).toHaveLength(1)
      await signIn(tenant, user, { address: '2001:db8:1:2:ffff::9' })
      await elsewhere.makeUser({ email: user.email })
      await signIn(elsewhere, user, { address: '2001:db8:1:2::2' })
      expect(await noticesTo(user)).toHaveLength(1)
    },
  )

  test('changes neither the statements nor the form of the answer', async () => {
    const { tenant, user } = await makeUser()
    const device = { address: '203.0.113.20' }
    const textsOf = async () => {
      let status = 0
      let fields: string[] = []
      const statements = await api.statementsOf(async () => {
        const reply = await signIn(tenant, user, device)
        status = reply.status
        fields = Object.keys(reply.json)
      })
      await api.running.settle()
      const own = statements.map((it) => it.text).filter((it) => /sessions|jobs/.test(it))
      return {
        status,
        fields,
        own: own.filter((it) => it.startsWith('insert') || /opened/.test(it)),
      }
    }
    const unknown = await textsOf()
    expect(await textsOf()).toEqual(unknown)
    expect(unknown.own.join('\n')).toContain('tenantry"."jobs')
    expect(await noticesTo(user)).toHaveLength(1)
  })

  test('stores no address and no name of a browser', async () => {
    const { tenant, user } = await makeUser()
    await signIn(tenant, user, { address: '203.0.113.99' })
    await noticesTo(user)
    const { rows } = await asRole('identity', (it) =>
      it.query('select key from tenantry.attempt_counters'),
    )
    expect(rows.length).toBeGreaterThan(0)
    expect(JSON.stringify(rows)).not.toMatch(/203\.0\.113|Firefox/)
  })

  test('comes at most 20 times a day', async () => {
    const { tenant, user } = await makeUser()
    for (let last = 1; last <= 22; last++) {
      await signIn(tenant, user, { address: `198.51.100.${last}` })
    }
    expect(await noticesTo(user)).toHaveLength(19)
  })
})

test('without the setting nobody gets one', async () => {
  const off = await startTestApp(app, { NEW_DEVICE_MAIL: 'off' })
  const tenant = await off.makeTenant()
  const user = await tenant.makeUser()
  await off.running.settle()
  await expect(off.mailsTo(user.email, 0)).resolves.toEqual([])
  await off.close()
})
