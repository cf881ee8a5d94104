import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { app } from '../../../test/fixtures/app/app.ts'
import { asAdmin, asRole } from '../../../test/fixtures/databases.ts'
import { newId } from '../../lib/ids.ts'
import { startTestApp, type TestApp, type TestTenant } from '../../testing.ts'
import { eraseTenant, markDeleting } from '../tenants/erase_tenant.ts'
import { holdNames, releaseSubdomain } from './held_names.ts'

let api: TestApp
beforeAll(async () => {
  api = await startTestApp(app, { SIGN_UP: 'on' })
})
afterAll(() => api.close())

const atBase = (path: string, body?: object) =>
  api.send(api.config.APP_HOST, body ? { method: 'POST', path, body } : { path })

const availability = async (name: string) =>
  (await atBase(`/api/subdomains/${name}`)).json as { available: boolean; reason: string | null }

const FREE = { available: true, reason: null }
const TAKEN = { available: false, reason: 'taken' }

async function mark({ id }: TestTenant, days = 90): Promise<void> {
  await api.database.acrossTenants('test', async (db) => {
    await db
      .updateTable('tenantry.tenants')
      .set({ status: 'suspended' })
      .where('id', '=', id)
      .execute()
    await holdNames(db, { HELD_NAME_DAYS: days })
    await markDeleting(db, id)
  })
}

async function erase(tenant: TestTenant, days = 90): Promise<void> {
  await mark(tenant, days)
  await eraseTenant(
    (work) =>
      api.database.acrossTenants('test', async (db) => {
        await holdNames(db, { HELD_NAME_DAYS: days })
        return work(db)
      }),
    tenant.id,
  )
}

const insert = 'insert into tenantry.tenants (id, name, subdomain, code) values ($1, $2, $3, $4)'
const values = (subdomain: string, id = newId()) => [
  ...[id, 'Next', subdomain],
  `N_${randomBytes(8).toString('hex').toUpperCase()}`,
]

test('the subdomain of an erased tenant goes to no other one while it is held', async () => {
  const tenant = await api.makeTenant()
  await tenant.makeUser({ roles: ['admin_tenant'] })
  await mark(tenant)
  expect(await availability(tenant.subdomain)).toEqual(TAKEN)
  await erase(tenant)
  expect(await availability(tenant.subdomain)).toEqual(TAKEN)
  const email = `founder-${randomBytes(6).toString('hex')}@example.com`
  const signUp = { email, tenant_name: 'Next', subdomain: tenant.subdomain }
  const refused = await atBase('/api/sign-ups', signUp)
  expect([refused.status, refused.json.code]).toEqual([409, 'subdomain.taken'])
  await asRole('platform', async (client) => {
    const other = client.query(insert, values(tenant.subdomain))
    await expect(other).rejects.toMatchObject({ constraint: 'tenants_subdomain_held' })
    // The same one comes back from a backup.
    await client.query(insert, values(tenant.subdomain, tenant.id))
  })
})

test('a held subdomain is free after its time, where none is set, and after a release', async () => {
  const [late, never, released] = [
    await api.makeTenant(),
    await api.makeTenant(),
    await api.makeTenant(),
  ]
  await erase(late)
  await asAdmin((admin) =>
    admin.query(
      `update tenantry.held_names set held_until = now() where name_digest = tenantry.name_digest($1)`,
      [late.subdomain],
    ),
  )
  expect(await availability(late.subdomain)).toEqual(FREE)
  await erase(never, 0)
  expect(await availability(never.subdomain)).toEqual(FREE)
  await erase(released)
  const release = () =>
    api.database.acrossTenants('test', (db) => releaseSubdomain(db, released.subdomain))
  expect([await release(), await release()]).toEqual([true, false])
  await asRole('platform', async (client) => {
    for (const { subdomain } of [late, never, released]) {
      await client.query(insert, values(subdomain))
    }
  })
})

test('a subdomain that a tenant gives up for another one is held, too', async () => {
  const tenant = await api.makeTenant()
  const renamed = `${tenant.subdomain}-2`
  await asRole('platform', (client) =>
    client.query('update tenantry.tenants set subdomain = $1 where id = $2', [renamed, tenant.id]),
  )
  expect(await availability(tenant.subdomain)).toEqual(TAKEN)
  const taker = await api.makeTenant()
  await asRole('platform', async (client) => {
    const rename = 'update tenantry.tenants set subdomain = $1 where id = $2'
    const taken = client.query(rename, [tenant.subdomain, taker.id])
    await expect(taken).rejects.toMatchObject({ constraint: 'tenants_subdomain_held' })
    await client.query(rename, [tenant.subdomain, tenant.id])
  })
})

test('an insert that waits for the deletion of the former tenant does not get its subdomain', async () => {
  const { id, subdomain } = await api.makeTenant()
  await asRole('platform', (deleting) =>
    asRole('platform', async (inserting) => {
      await deleting.query('begin')
      await deleting.query('delete from tenantry.tenants where id = $1', [id])
      const { rows } = await inserting.query('select pg_backend_pid() as pid')
      const inserted = inserting.query(insert, values(subdomain))
      const refused = expect(inserted).rejects.toMatchObject({
        constraint: 'tenants_subdomain_held',
      })
      await expect
        .poll(() =>
          asAdmin(async (admin) => {
            const waits = 'select cardinality(pg_blocking_pids($1)) as locks'
            return (await admin.query(waits, [rows[0]?.pid])).rows[0]?.locks
          }),
        )
        .toBe(1)
      await deleting.query('commit')
      await refused
    }),
  )
})

test('what is held names no tenant, and only the platform role can change it', async () => {
  const tenant = await api.makeTenant()
  await erase(tenant)
  await asAdmin(async (admin) => {
    const { rows } = await admin.query<{ it: string }>(
      'select h::text as it from tenantry.held_names h',
    )
    const text = rows.map(({ it }) => it).join('\n')
    expect(rows.length).toBeGreaterThan(0)
    expect(text).not.toContain(tenant.subdomain)
    expect(text).not.toContain(tenant.id)
  })
  for (const [role, statement] of [
    ['app', 'select from tenantry.held_names'],
    ['identity', 'delete from tenantry.held_names'],
    ['platform', 'update tenantry.held_names set held_until = now()'],
    ['platform', 'select tenantry.hold_name()'],
  ] as const) {
    const tried = asRole(role, (client) => client.query(statement))
    await expect(tried, statement).rejects.toMatchObject({ code: '42501' })
  }
})
