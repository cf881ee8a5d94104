import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { app } from '../../../test/fixtures/app/app.ts'
import { asRole } from '../../../test/fixtures/databases.ts'
import { domainRow } from '../../../test/fixtures/domain_row.ts'
import { tokenAt } from '../../../test/fixtures/token_at.ts'
import { startTestApp, type TestApp, type TestTenant, type TestUser } from '../../testing.ts'

let api: TestApp
let tenant: TestTenant
let admin: TestUser
let manager: TestUser
beforeAll(async () => {
  api = await startTestApp(app, {
    INVITATION_MAILS_PER_HOUR: '50',
    SECRET_KEY: 'k'.repeat(48),
  })
  tenant = await api.makeTenant({ name: 'Acme' })
  admin = await tenant.makeUser({ roles: ['admin_tenant'] })
  manager = await tenant.makeUser({ roles: ['manager'] })
})
afterAll(() => api.close())

const newAddress = () => `new-${randomBytes(6).toString('hex')}@example.com`

const send = (method: string, path: string, body?: object, user = admin, headers = {}) =>
  tenant.send({ method, path, user, body, headers })
const invite = (body: object, user = admin, headers = {}) =>
  send('POST', '/api/invitations', { roles: [], ...body }, user, headers)

describe('invitations', () => {
  test('are listed with inviter, roles and state, and never with their link (INV-1)', async () => {
    const email = newAddress()
    const created = await invite({ email, roles: ['operator'], full_name: 'Ann Lee' })
    expect(created.headers['location']).toBe(`/api/invitations/${created.json.id}`)
    const list = await send('GET', '/api/invitations?state=open')
    const found = list.json.items.find((it: { email: string }) => it.email === email)
    expect(found).toMatchObject({
      ...{ id: created.json.id, full_name: 'Ann Lee', roles: ['operator'], state: 'open' },
      ...{ invited_by: admin.id, inviter_name: 'Test User', deliveries: 1 },
    })
    const [mail] = await api.mailsTo(email)
    const token = /#token=([\w-]+)/.exec(mail?.text ?? '')?.[1] ?? ''
    expect(token).toMatch(/^[\w-]{43}$/)
    for (const reply of [created, list, await send('GET', created.headers['location'] ?? '')]) {
      expect(reply.text).not.toContain(token)
    }
    expect((await send('GET', '/api/invitations?state=expired')).json.items).toEqual([])
  })

  test('are one for each address, however it is written and however often it is sent', async () => {
    const email = newAddress()
    const replies = await Promise.all(
      [email, email.toUpperCase(), ` ${email} `, email].map((it) => invite({ email: it })),
    )
    expect(replies.map((it) => it.status).sort()).toEqual([201, 409, 409, 409])
    expect(replies.find((it) => it.status === 409)?.json.code).toBe('invitation.exists')
    await api.running.settle()
    const mails = await Promise.all([email, email.toUpperCase()].map((it) => api.mailsTo(it, 0)))
    expect(mails.flat()).toHaveLength(1)
    const member = await invite({ email: manager.email })
    expect([member.status, member.json.code]).toEqual([409, 'member.exists'])
  })

  test('that have expired give way to new ones', async () => {
    const email = newAddress()
    const first = await invite({ email })
    await api.database.acrossTenants('test', (db) =>
      db
        .updateTable('tenantry.invitations')
        .set({ expires_at: new Date(Date.now() - 1_000) })
        .where('id', '=', first.json.id)
        .execute(),
    )
    expect((await send('GET', `/api/invitations/${first.json.id}`)).json.state).toBe('expired')
    const second = await invite({ email })
    expect(second.status).toBe(201)
    expect((await send('GET', `/api/invitations/${first.json.id}`)).status).toBe(404)
  })

  test.each([
    ['a malformed address', { email: 'no address' }, '/email'],
    ['two addresses', { email: 'a@example.com,b@example.com' }, '/email'],
    ['an unknown role', { email: 'a@example.com', roles: ['emperor'] }, '/roles/0'],
    [
      'a name with a line break',
      { email: 'a@example.com', full_name: 'A\r\nBcc: b' },
      '/full_name',
    ],
    ['a message of two lines', { email: 'a@example.com', message: 'A\nB' }, '/message'],
    ['a verified address', { email: 'a@example.com', email_verified: true }, ''],
  ])('reject %s', async (_, body, pointer) => {
    const reply = await invite(body)
    expect([reply.status, reply.json.errors[0].pointer]).toEqual([422, pointer])
  })

  test('give no more than the inviter holds, also when one is sent again (INV-1)', async () => {
    const own = await invite({ email: newAddress(), roles: ['operator'] }, manager)
    expect(own.status).toBe(201)
    const more = await invite({ email: newAddress(), roles: ['admin_tenant'] }, manager)
    expect([more.status, more.json.code]).toEqual([403, 'permission.cannot_grant'])
    const { json } = await invite({ email: newAddress(), roles: ['admin_tenant'] })
    const again = await send('POST', `/api/invitations/${json.id}/delivery`, undefined, manager)
    expect([again.status, again.json.code]).toEqual([403, 'permission.cannot_grant'])
  })

  test('keep their roles from being deleted', async () => {
    const role = await send('POST', '/api/roles', {
      name: 'auditor',
      permissions: ['projects:read'],
    })
    const { json } = await invite({ email: newAddress(), roles: ['auditor'] })
    const refused = await send('DELETE', `/api/roles/${role.json.id}`)
    expect([refused.status, refused.json.code]).toEqual([409, 'role.in_use'])
    await send('DELETE', `/api/invitations/${json.id}`)
    expect((await send('DELETE', `/api/roles/${role.json.id}`)).status).toBe(204)
  })

  test('are mailed with a link at the origin of the installation, whatever the request says (TEN-7)', async () => {
    const domain = `d-${randomBytes(5).toString('hex')}.example`
    await api.database.acrossTenants('test', (db) =>
      db.insertInto('tenantry.domains').values(domainRow(domain, tenant.id)).execute(),
    )
    const [email, other] = [newAddress(), newAddress()]
    const headers = { 'x-forwarded-host': 'evil.example', forwarded: 'host=evil.example' }
    await invite({ email, message: 'Welcome “home”' }, admin, headers)
    await api.send(domain, {
      ...{ method: 'POST', path: '/api/invitations', body: { email: other, roles: [] } },
      headers: { authorization: `Bearer ${tokenAt(api, admin, domain)}` },
    })
    for (const address of [email, other]) {
      const [mail] = await api.mailsTo(address)
      const text = `${mail?.subject}${mail?.text}${mail?.html}`
      expect(text).not.toMatch(/evil\.example/)
      expect(text).not.toContain(domain)
      const links = text.match(/https?:\/\/[^\s"<]+/g) ?? []
      expect(new Set(links.map((it) => new URL(it).origin))).toEqual(
        new Set([`https://${tenant.host}`]),
      )
    }
    expect((await api.mailsTo(email))[0]?.text).toContain("“Welcome 'home'”")
  })

  test('name a tenant, an inviter and a message without a link to them', async () => {
    const named = await api.makeTenant({ name: 'Prizes https://evil.example/won' })
    const by = await named.makeUser({ roles: ['admin_tenant'] })
    const rename = 'update tenantry.users set full_name = $1 where id = $2'
    await asRole('platform', (client) => client.query(rename, ['See www.evil.example', by.id]))
    const [email, message] = [newAddress(), 'Go to evil.example/won']
    const body = { email, roles: [], message }
    await named.send({ method: 'POST', path: '/api/invitations', user: by, body })
    const [mail] = await api.mailsTo(email)
    const text = `${mail?.subject}${mail?.text}${mail?.html}`
    expect(text).toContain('evil. example')
    expect(text).not.toMatch(/evil\.example|www\.evil|https:\/\/evil/)
  })

  test('are counted only where a mail is sent', async () => {
    const email = newAddress()
    const { json } = await invite({ email })
    for (let at = 0; at < 6; at++) expect((await invite({ email })).status).toBe(409)
    await api.running.settle()
    expect((await send('POST', `/api/invitations/${json.id}/delivery`)).status).toBe(202)
  })

  // Counting needs a connection of the identity pool, and acceptances hold theirs while they wait for the lock.
  test('are counted before the lock of permissions is taken', async () => {
    const email = newAddress()
    const { json } = await invite({ email })
    const path = `/api/invitations/${json.id}/delivery`
    for (let at = 0; at < 4; at++) await send('POST', path)
    const statuses = await asRole('platform', async (client) => {
      await client.query('begin')
      await client.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [
        `permissions ${tenant.id}`,
      ])
      // While the lock is held, only what does not wait for it answers.
      const replies = await Promise.all([send('POST', path), invite({ email })])
      await client.query('rollback')
      return replies.map((it) => it.status)
    })
    expect(statuses).toEqual([429, 429])
  })

  test('are limited for each address and each tenant', async () => {
    const { json } = await invite({ email: newAddress() })
    const path = `/api/invitations/${json.id}/delivery`
    const replies: number[] = []
    for (let at = 0; at < 5; at++) replies.push((await send('POST', path)).status)
    expect(replies).toEqual([202, 202, 202, 202, 429])
    let status = 0
    for (let at = 0; at < 50 && status !== 429; at++) {
      status = (await invite({ email: newAddress() })).status
    }
    expect(status).toBe(429)
  })
})
