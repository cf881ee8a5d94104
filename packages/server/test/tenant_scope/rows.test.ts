import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { INSTALLATION_REALM } from '../../src/access/realm.ts'
import { checkUsers } from '../../src/cli/doctor/users.ts'
import { startTestApp, type TestApp, type TestTenant } from '../../src/testing.ts'
import { app } from '../fixtures/app/app.ts'
import { asRole, sharedDatabase } from '../fixtures/databases.ts'

let api: TestApp
let a: TestTenant
let b: TestTenant
beforeAll(async () => {
  api = await startTestApp(app)
  a = await api.makeTenant()
  b = await api.makeTenant()
})
afterAll(() => api.close())

const insertUser = (client: pg.Client, realm: string, email: string) =>
  client.query(
    'insert into tenantry.users (id, realm_id, email, email_key) values ($1, $2, $3, $3)',
    [randomUUID(), realm, email],
  )

/** Runs `work` as the identity role, in the scope of a tenant or of none, and rolls it back. */
const asIdentity = <T>(tenant: TestTenant | undefined, work: (client: pg.Client) => Promise<T>) =>
  asRole('identity', async (client) => {
    await client.query('begin')
    if (tenant !== undefined) await client.query('select tenantry.set_tenant($1)', [tenant.id])
    return work(client).finally(() => client.query('rollback'))
  })

describe('the database with the scope of the tenants', () => {
  test('gives each tenant a realm of its own, whatever the insert says', async () => {
    const id = randomUUID()
    const name = `r-${id.slice(0, 8)}`
    const { rows } = await asRole('platform', (client) =>
      client.query(
        `insert into tenantry.tenants (id, name, subdomain, code, realm_id)
         values ($1, $2, $2, upper(replace($2, '-', '_')), $3) returning realm_id, identity_scope`,
        [id, name, INSTALLATION_REALM],
      ),
    )
    expect(rows).toEqual([{ realm_id: id, identity_scope: 'tenant' }])
  })

  test('holds one account of an address in each tenant, and none outside of one', async () => {
    const email = `${randomUUID()}@example.com`
    await asRole('platform', async (client) => {
      await insertUser(client, a.id, email)
      await insertUser(client, b.id, email)
      await expect(insertUser(client, a.id, email)).rejects.toMatchObject({
        constraint: 'users_realm_id_email_key_key',
      })
      await expect(insertUser(client, INSTALLATION_REALM, email)).rejects.toMatchObject({
        constraint: 'users_identity_scope_fkey',
      })
    })
  })

  test('accepts no member whose account is of another tenant', async () => {
    const [ofA, ofB] = [await a.makeUser(), await b.makeUser()]
    const join = (tenant: TestTenant, id: string) =>
      asRole('platform', (client) =>
        client.query('insert into tenantry.members (tenant_id, user_id) values ($1, $2)', [
          tenant.id,
          id,
        ]),
      )
    const refused = { constraint: 'members_realm_fkey' }
    await expect(join(a, ofB.id)).rejects.toMatchObject(refused)
    await expect(join(b, ofA.id)).rejects.toMatchObject(refused)
  })

  test('shows the role of sign-ins the accounts of its tenant, and none without a tenant', async () => {
    const email = `${randomUUID()}@example.com`
    const [ofA, ofB] = [await a.makeUser({ email }), await b.makeUser({ email })]
    const found = (tenant?: TestTenant) =>
      asIdentity(tenant, async (client) => {
        const { rows } = await client.query('select id from tenantry.users where email = $1', [
          email,
        ])
        return rows.map((it) => it.id)
      })
    expect([await found(a), await found(b), await found()]).toEqual([[ofA.id], [ofB.id], []])
    const change = "update tenantry.users set full_name = 'x' where id = $1"
    const changed = (tenant: TestTenant | undefined, id: string) =>
      asIdentity(tenant, async (client) => (await client.query(change, [id])).rowCount)
    expect([await changed(a, ofA.id), await changed(a, ofB.id)]).toEqual([1, 0])
    expect(await changed(undefined, ofA.id)).toBe(0)
    const refused = { code: '42501' }
    const insert = asIdentity(a, (client) => insertUser(client, b.id, email))
    await expect(insert).rejects.toMatchObject(refused)
  })

  test('is judged by doctor account by account, in every tenant', async () => {
    const users = [await a.makeUser(), await b.makeUser()]
    await asRole('platform', (client) =>
      client.query("update tenantry.users set password_hash = '{MD5}x' where id = any($1)", [
        users.map((it) => it.id),
      ]),
    )
    const [check] = await checkUsers(sharedDatabase().identity)
    expect(check).toMatchObject({
      state: 'warn',
      detail: expect.stringMatching(/2 of scheme {MD5}/),
    })
  })

  test('keeps an account in its tenant', async () => {
    const { id } = await a.makeUser()
    const move = asRole('platform', (client) =>
      client.query('update tenantry.users set realm_id = $1 where id = $2', [b.id, id]),
    )
    await expect(move).rejects.toMatchObject({ constraint: 'members_user_fkey' })
  })
})
