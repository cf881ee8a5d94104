import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { app } from '../../../test/fixtures/app/app.ts'
import { isGlobalScope } from '../../../test/fixtures/identity_scope.ts'
import { INSTALLATION_REALM } from '../../access/realm.ts'
import { addPerson } from '../../cli/platform/add_member.ts'
import { backgroundScope } from '../../db/tenancy.ts'
import { hashSecret } from '../../lib/keys.ts'
import { startTestApp, type TestApp, type TestTenant } from '../../testing.ts'
import { createResetLink } from './reset_links.ts'

let api: TestApp
beforeAll(async () => {
  api = await startTestApp(app)
})
afterAll(() => api.close())

const forgot = (tenant: TestTenant, email: string) =>
  tenant.send({ method: 'POST', path: '/api/auth/forgot-password', body: { email } })

const reset = (tenant: TestTenant, token: string, new_password: string) =>
  tenant.send({ method: 'POST', path: '/api/auth/reset-password', body: { token, new_password } })

const login = (tenant: TestTenant, email: string, password: string) =>
  tenant.send({ method: 'POST', path: '/api/auth/login', body: { email, password } })

async function tokenFor(tenant: TestTenant, email: string, count = 1): Promise<string> {
  const reply = await forgot(tenant, email)
  expect([reply.status, reply.json]).toEqual([200, { message: 'Reset link sent' }])
  const [mail] = await api.mailsTo(email, count)
  const token = /#token=([\w-]+)/.exec(mail?.text ?? '')?.[1]
  if (token === undefined) throw new Error('the mail has no link')
  return token
}

async function tokenByHand({ id, host, subdomain }: TestTenant, userId: string): Promise<string> {
  const issuer = `https://${host}`
  const limits = { rate: null, concurrency: null }
  const link = await createResetLink(api, {
    tenant: {
      id,
      name: '',
      subdomain,
      origin: issuer,
      home: issuer,
      issuer,
      realm: INSTALLATION_REALM,
      limits,
      branding: {},
    },
    userId,
    request: { id: 'test', address: '', userAgent: '' },
    channel: 'hand',
  })
  return link.split('#token=')[1] ?? ''
}

function personOf(id: string) {
  return api.database.acrossTenants('test', (db) =>
    db
      .selectFrom('tenantry.users')
      .select('email_verified_at')
      .where('id', '=', id)
      .executeTakeFirstOrThrow(),
  )
}

describe('password reset', () => {
  test('costs the same statements with and without a member, and leaves a row only of a member', async () => {
    const [tenant, other] = [await api.makeTenant(), await api.makeTenant()]
    const [user, foreign] = [await tenant.makeUser(), await other.makeUser()]
    const statementsFor = (email: string) =>
      api.statementsOf(async () => {
        await forgot(tenant, email)
        await api.running.settle()
      })
    const addresses = [user.email, foreign.email, 'unknown@example.com']
    // Also above the limit of mails for one address: then the member's link is kept.
    for (let request = 0; request < 7; request++) {
      const counts = new Set<number>()
      for (const email of addresses) counts.add((await statementsFor(email)).length)
      expect(counts.size, `request ${request + 1}: ${[...counts]}`).toBe(1)
    }
    const rows = await api.database.asIdentity(backgroundScope(tenant.id), (db) =>
      db.selectFrom('tenantry.single_use_secrets').select('user_id').execute(),
    )
    expect(rows).toEqual([{ user_id: user.id }])
  })

  test.runIf(isGlobalScope())(
    'sets the password by mail and ends every session, in every tenant (AUTHN-7)',
    async () => {
      const [tenant, other] = [await api.makeTenant(), await api.makeTenant()]
      const user = await tenant.makeUser()
      await api.database.acrossTenants('test', (db) =>
        db
          .insertInto('tenantry.members')
          .values({ tenant_id: other.id, user_id: user.id })
          .execute(),
      )
      const elsewhere = await login(other, user.email, user.password)
      const token = await tokenFor(tenant, user.email)
      const reply = await reset(tenant, token, 'an entirely new one')
      expect([reply.status, reply.json]).toEqual([200, { message: 'Password successfully reset' }])
      for (const [at, accessToken] of [
        [tenant, user.accessToken],
        [other, elsewhere.json.access_token],
      ] as const) {
        const me = await at.send({
          path: '/api/auth/me',
          headers: { authorization: `Bearer ${accessToken}` },
        })
        expect(me.status).toBe(401)
      }
      const old = await tenant.send({
        method: 'POST',
        path: '/api/auth/refresh',
        body: { refresh_token: user.refreshToken },
      })
      expect(old.status).toBe(401)
      expect((await login(tenant, user.email, user.password)).status).toBe(401)
      expect((await login(tenant, user.email, 'an entirely new one')).status).toBe(200)
      expect((await api.mailsTo(user.email, 2))[0]?.subject).toMatch(/changed/i)
    },
  )

  test.runIf(isGlobalScope())(
    'is in the audit log of every tenant of the person, in the same transaction',
    async () => {
      const tenants = [
        await api.makeTenant(),
        await api.makeTenant(),
        await api.makeTenant(),
      ] as const
      const [tenant, other, foreign] = tenants
      const user = await tenant.makeUser()
      await other.makeUser({ email: user.email })
      await foreign.makeUser()
      const acts = (at: TestTenant) =>
        api.database.inTenant(backgroundScope(at.id), (db) =>
          db
            .selectFrom('tenantry.audit_logs')
            .select(['action', 'entity_id'])
            .where('action', 'like', 'users.%')
            .orderBy('id')
            .execute(),
        )
      const act = { action: 'users.password_change', entity_id: user.id }
      const token = await tokenFor(tenant, user.email)
      for (const at of tenants) expect(await acts(at)).toEqual([])
      expect((await reset(tenant, token, 'an entirely new one')).status).toBe(200)
      for (const at of [tenant, other]) expect(await acts(at)).toEqual([act])
      await api.database.acrossTenants('test', (db) =>
        db
          .updateTable('tenantry.users')
          .set({ is_active: false })
          .where('id', '=', user.id)
          .execute(),
      )
      const disabled = { action: 'users.disable', entity_id: user.id }
      for (const at of [tenant, other]) expect(await acts(at)).toEqual([act, disabled])
      await api.database.acrossTenants('test', (db) =>
        db.deleteFrom('tenantry.users').where('id', '=', user.id).execute(),
      )
      const deleted = { action: 'users.delete', entity_id: user.id }
      for (const at of [tenant, other]) expect(await acts(at)).toEqual([act, disabled, deleted])
      expect(await acts(foreign)).toEqual([])
    },
  )

  test('verifies the address by a link that left by mail, not by one passed on by hand', async () => {
    const tenant = await api.makeTenant()
    const user = await tenant.makeUser()
    const verified = async () => (await personOf(user.id)).email_verified_at !== null
    const token = await tokenByHand(tenant, user.id)
    expect((await reset(tenant, token, 'chosen by some hand')).status).toBe(200)
    expect(await verified()).toBe(false)
    expect(
      (await reset(tenant, await tokenFor(tenant, user.email, 2), 'chosen by mail')).status,
    ).toBe(200)
    expect(await verified()).toBe(true)
  })

  test.runIf(isGlobalScope())(
    'a person added to another tenant keeps no password, session or link of an unverified address',
    async () => {
      const [tenant, other] = [await api.makeTenant(), await api.makeTenant()]
      const user = await tenant.makeUser()
      const add = (at: TestTenant) =>
        api.database.acrossTenants('test', (db) =>
          addPerson(db, at.id, { email: user.email, full_name: '', roles: [] }),
        )
      const early = await tokenByHand(tenant, user.id)
      expect(await add(tenant)).toMatchObject({ created: false, voided: false })
      expect((await tenant.send({ path: '/api/auth/me', user })).status).toBe(200)
      expect(await add(other)).toMatchObject({ created: false, voided: true })
      expect((await personOf(user.id)).email_verified_at).toBeNull()
      for (const at of [tenant, other]) {
        expect((await login(at, user.email, user.password)).status).toBe(401)
      }
      expect((await tenant.send({ path: '/api/auth/me', user })).status).toBe(401)
      expect((await reset(tenant, early, 'an entirely new one')).status).toBe(400)
      const token = await tokenFor(other, user.email)
      expect((await reset(other, token, 'an entirely new one')).status).toBe(200)
      const third = await api.makeTenant()
      expect(await add(third)).toMatchObject({ created: false, voided: false })
      expect((await login(third, user.email, 'an entirely new one')).status).toBe(200)
    },
  )

  test("a wrong, used, expired, foreign and another kind's secret get the same bytes (AUTHN-8)", async () => {
    const [tenant, other] = [await api.makeTenant(), await api.makeTenant()]
    const change = (token: string, set: { kind?: 'magic_link'; expires_at?: Date }) =>
      api.database.asIdentity(backgroundScope(tenant.id), (db) =>
        db
          .updateTable('tenantry.single_use_secrets')
          .set(set)
          .where('hash', '=', hashSecret(token))
          .execute(),
      )
    const make = async () => tokenByHand(tenant, (await tenant.makeUser()).id)
    const [used, expired, foreign, kind] = [await make(), await make(), await make(), await make()]
    expect((await reset(tenant, used, 'an entirely new one')).status).toBe(200)
    await change(expired, { expires_at: new Date(Date.now() - 1_000) })
    await change(kind, { kind: 'magic_link' })
    const replies = [
      await reset(tenant, 'x'.repeat(43), 'an entirely new one'),
      await reset(tenant, foreign.slice(0, -1), 'an entirely new one'),
      await reset(tenant, used, 'an entirely new one'),
      await reset(tenant, expired, 'an entirely new one'),
      await reset(tenant, kind, 'an entirely new one'),
      await reset(other, foreign, 'an entirely new one'),
    ]
    const bytes = replies.map(({ status, text, headers }) =>
      [status, text.replaceAll(headers['x-request-id'] ?? '-', '')].join(' '),
    )
    expect([...new Set(bytes)]).toEqual([expect.stringContaining('400 ')])
    expect((await reset(tenant, foreign, 'an entirely new one')).status).toBe(200)
  })

  test('of 16 concurrent uses one succeeds (AUTHN-7)', async () => {
    const tenant = await api.makeTenant()
    const user = await tenant.makeUser()
    const token = await tokenFor(tenant, user.email)
    const replies = await Promise.all(
      Array.from({ length: 16 }, (_, at) => reset(tenant, token, `new password number ${at} xyz`)),
    )
    expect(replies.filter((it) => it.status === 200)).toHaveLength(1)
    expect(replies.filter((it) => it.status === 400)).toHaveLength(15)
    expect(replies.find((it) => it.status === 400)?.json.detail).toBe('Invalid or expired token')
  })

  test.runIf(isGlobalScope())(
    'a newer link voids the older one, and a reset voids the links of other tenants',
    async () => {
      const [tenant, other] = [await api.makeTenant(), await api.makeTenant()]
      const user = await tenant.makeUser()
      await api.database.acrossTenants('test', (db) =>
        db
          .insertInto('tenantry.members')
          .values({ tenant_id: other.id, user_id: user.id })
          .execute(),
      )
      const older = await tokenFor(tenant, user.email)
      const newer = await tokenFor(tenant, user.email, 2)
      const elsewhere = await tokenFor(other, user.email, 3)
      expect((await reset(tenant, older, 'an entirely new one')).status).toBe(400)
      expect((await reset(tenant, newer, 'an entirely new one')).status).toBe(200)
      expect((await reset(other, elsewhere, 'yet another new one')).status).toBe(400)
    },
  )

  test('a weak password is rejected with the reason, and the link still works (AUTHN-2)', async () => {
    const tenant = await api.makeTenant()
    const user = await tenant.makeUser()
    const token = await tokenFor(tenant, user.email)
    const [local = ''] = user.email.split('@')
    const cases: [string, RegExp][] = [
      ['short', /at least 8/],
      ['x'.repeat(257), /at most 256/],
      ['password1234567', /common/],
      [`${tenant.subdomain}2026`, /name/],
      [`${local}!!`, /name/],
    ]
    for (const [password, reason] of cases) {
      const reply = await reset(tenant, token, password)
      expect(reply.status).toBe(422)
      expect(reply.json.errors).toEqual([
        { pointer: '/new_password', message: expect.stringMatching(reason) },
      ])
    }
    expect((await reset(tenant, token, '👍'.repeat(64))).status).toBe(200)
    expect((await login(tenant, user.email, '👍'.repeat(64))).status).toBe(200)
  })

  test('a token works on its tenant only, until it expires, and is stored as a hash', async () => {
    const [tenant, other] = [await api.makeTenant(), await api.makeTenant()]
    const user = await tenant.makeUser()
    const token = await tokenFor(tenant, user.email)
    expect((await reset(other, token, 'an entirely new one')).status).toBe(400)
    expect(
      (await reset(tenant, user.refreshToken.slice(0, 500), 'an entirely new one')).status,
    ).toBe(400)
    const rows = await api.database.asIdentity(backgroundScope(tenant.id), (db) =>
      db.selectFrom('tenantry.single_use_secrets').selectAll().execute(),
    )
    expect(JSON.stringify(rows)).not.toContain(token)
    await api.database.asIdentity(backgroundScope(tenant.id), (db) =>
      db
        .updateTable('tenantry.single_use_secrets')
        .set({ expires_at: new Date(Date.now() - 1_000) })
        .execute(),
    )
    expect((await reset(tenant, token, 'an entirely new one')).status).toBe(400)
  })

  test('an unknown user and a user of another tenant get the same answer and no mail (AUTHN-4)', async () => {
    const [tenant, other] = [await api.makeTenant(), await api.makeTenant()]
    const member = await tenant.makeUser()
    const outsider = await other.makeUser()
    const replies = [
      await forgot(tenant, member.email),
      await forgot(tenant, outsider.email),
      await forgot(tenant, 'unknown-user@example.com'),
    ]
    for (const reply of replies) {
      expect([reply.status, reply.text]).toEqual([200, replies[0]?.text])
      expect(Object.keys(reply.headers).sort()).toEqual(
        Object.keys(replies[0]?.headers ?? {}).sort(),
      )
    }
    await api.mailsTo(member.email)
    await setTimeout(100)
    expect(await api.mailsTo(outsider.email, 0)).toEqual([])
    expect(await api.mailsTo('unknown-user@example.com', 0)).toEqual([])
  })

  test('a malformed e-mail address is rejected', async () => {
    const tenant = await api.makeTenant()
    expect((await forgot(tenant, 'no address')).status).toBe(422)
  })

  test('a session opened with the old password during a reset does not survive it (SESS-4)', async () => {
    const tenant = await api.makeTenant()
    for (let round = 0; round < 8; round++) {
      const user = await tenant.makeUser()
      const token = await tokenFor(tenant, user.email)
      const [signedIn] = await Promise.all([
        login(tenant, user.email, user.password),
        reset(tenant, token, 'an entirely new one'),
      ])
      if (signedIn.status !== 200) continue
      const me = await tenant.send({
        path: '/api/auth/me',
        headers: { authorization: `Bearer ${signedIn.json.access_token}` },
      })
      expect(me.status).toBe(401)
    }
  })
})
