import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { app } from '../../../test/fixtures/app/app.ts'
import { isGlobalScope } from '../../../test/fixtures/identity_scope.ts'
import { backgroundScope } from '../../db/tenancy.ts'
import { startTestApp, type TestApp, type TestTenant, type TestUser } from '../../testing.ts'

let api: TestApp
beforeAll(async () => {
  api = await startTestApp(app, { DEFAULT_LOCALE: 'DE-at' })
})
afterAll(() => api.close())

const change = (tenant: TestTenant, user: TestUser, body: unknown, headers = {}) =>
  tenant.send({ method: 'PATCH', path: '/api/account', user, body, headers })

describe('the account', () => {
  test('shows the person, and their roles in this tenant', async () => {
    const [tenant, other] = [await api.makeTenant(), await api.makeTenant()]
    const user = await tenant.makeUser({ roles: ['operator'] })
    await other.makeUser({ email: user.email, roles: ['manager'] })
    const { json, headers } = await tenant.send({ path: '/api/account', user })
    expect(json).toEqual({
      id: user.id,
      email: user.email,
      email_verified: false,
      email_verification: 'optional',
      identity_scope: api.config.IDENTITY_SCOPE,
      full_name: 'Test User',
      locale: null,
      tenant: tenant.subdomain,
      roles: ['operator'],
    })
    expect(headers['etag']).toMatch(/^"/)
  })

  test.runIf(isGlobalScope())(
    'has a name and a language, which the person changes for all tenants',
    async () => {
      const [tenant, other] = [await api.makeTenant(), await api.makeTenant()]
      const user = await tenant.makeUser()
      const there = await other.makeUser({ email: user.email })
      const changed = await change(tenant, user, { full_name: ' Ann Lee ', locale: 'pt-br' })
      expect([changed.status, changed.json.full_name, changed.json.locale]).toEqual([
        200,
        'Ann Lee',
        'pt-BR',
      ])
      const seen = await other.send({ path: '/api/account', user: there })
      expect(seen.json).toMatchObject({ full_name: 'Ann Lee', locale: 'pt-BR' })
      const reset = await change(tenant, user, { locale: null })
      expect(reset.json).toMatchObject({ full_name: 'Ann Lee', locale: null })
    },
  )

  test('keeps the first of two changes that read the same version (API-6)', async () => {
    const tenant = await api.makeTenant()
    const user = await tenant.makeUser()
    const etag = (await tenant.send({ path: '/api/account', user })).headers['etag'] ?? ''
    const replies = await Promise.all(
      ['One', 'Two'].map((full_name) => change(tenant, user, { full_name }, { 'if-match': etag })),
    )
    expect(replies.map((it) => it.status).sort()).toEqual([200, 412])
  })

  test.each([
    ['a right-to-left override', { full_name: 'Ann\u202e' }, '/full_name'],
    ['a line feed', { full_name: 'Ann\nLee' }, '/full_name'],
    ['201 characters', { full_name: 'a'.repeat(201) }, '/full_name'],
    ['a malformed tag', { locale: 'german language' }, '/locale'],
    ['a tag with a repeated variant', { locale: 'de-1901-1901' }, '/locale'],
    ['a verified address', { email_verified: true }, ''],
    ['another address', { email: 'eve@example.com' }, ''],
  ])('rejects %s (AUTHN-9)', async (_, body, pointer) => {
    const tenant = await api.makeTenant()
    const user = await tenant.makeUser()
    const reply = await change(tenant, user, body)
    expect(reply.status).toBe(422)
    expect(reply.json.errors[0].pointer).toBe(pointer)
    const after = await tenant.send({ path: '/api/account', user })
    expect(after.json).toMatchObject({
      full_name: 'Test User',
      locale: null,
      email_verified: false,
    })
  })

  test('is not changed by a session that was revoked while the request waited', async () => {
    const tenant = await api.makeTenant()
    const user = await tenant.makeUser()
    const scope = backgroundScope(tenant.id)
    let changing: ReturnType<typeof change> | undefined
    await api.database.inTenant(scope, async (db) => {
      await sql`update tenantry.sessions set revoked_at = now() where user_id = ${user.id}`.execute(
        db,
      )
      // The session is revoked and not yet committed: the change has to wait for the lock.
      changing = change(tenant, user, { full_name: 'Too Late' })
      await sql`select pg_sleep(0.3)`.execute(db)
    })
    expect((await changing)?.status).toBe(401)
    const rows = await api.database.acrossTenants('test', (db) =>
      db.selectFrom('tenantry.users').select('full_name').where('id', '=', user.id).execute(),
    )
    expect(rows).toEqual([{ full_name: 'Test User' }])
  })

  test("is changed with a row in the tenant's audit log, which holds no value", async () => {
    const tenant = await api.makeTenant()
    const user = await tenant.makeUser()
    const { headers } = await change(tenant, user, { full_name: 'Ann Lee' })
    const rows = await api.database.inTenant(backgroundScope(tenant.id), (db) =>
      db
        .selectFrom('tenantry.audit_logs')
        .select(['action', 'actor_id', 'entity_id', 'meta'])
        .where('request_id', '=', headers['x-request-id'] ?? '')
        .execute(),
    )
    expect(rows).toEqual([
      {
        action: 'users.update',
        actor_id: user.id,
        entity_id: user.id,
        meta: { fields: ['full_name'] },
      },
    ])
  })
})

test('branding shows the name of the tenant and the default language, without a statement', async () => {
  const tenant = await api.makeTenant({ name: 'Acme <b>' })
  const ask = () => tenant.send({ path: '/api/branding' })
  await ask()
  const statements = await api.statementsOf(async () => {
    expect((await ask()).json).toEqual({
      tenant_name: 'Acme <b>',
      locale: 'de-AT',
      color: null,
      logo: null,
      notice: null,
      subdomain: tenant.subdomain,
      tenant_origin: 'https://{tenant}.app.test',
      sign_in_origin: null,
      app_origin: 'https://app.test',
      identity_scope: api.config.IDENTITY_SCOPE,
    })
  })
  expect(statements).toEqual([])
})
