import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, inject, test } from 'vitest'
import { createPasswords } from '../../src/access/passwords.ts'
import { withClient } from '../../src/db/connect/with_client.ts'
import { startTestApp } from '../../src/testing/test_app.ts'
import { app } from '../fixtures/app/app.ts'

// Hashes as production does, and not as cheaply as other tests.
const api = await startTestApp(app, {}, createPasswords())
afterAll(() => api.close())

const guide = readFileSync(join(import.meta.dirname, '../../../../docs/importing-users.md'), 'utf8')
const [, statements = ''] = /^```sql\n(.*?)^```$/ms.exec(guide) ?? []
const [, example = '[]'] = /^```json\n(.*?)^```$/ms.exec(guide) ?? []

test('the guide imports a person, who signs in with the old password and keeps the session', async () => {
  const tenant = await api.makeTenant()
  const email = `Ann.${tenant.id}@Example.com`
  const roles = await withClient(inject('tenantryDatabase').platform, async (client) => {
    const byId = 'select subdomain from tenantry.tenants where id = $1'
    const { rows: tenants } = await client.query<{ subdomain: string }>(byId, [tenant.id])
    const [ann] = JSON.parse(example)
    const person = { ...ann, email, tenant: tenants[0]?.subdomain }
    // A person of two roles has two objects.
    const users = JSON.stringify([person, { ...person, role: 'operator' }])
    await client.query(statements.replaceAll(":'users'", () => client.escapeLiteral(users)))
    const { rows } = await client.query<{ roles: string[] }>(
      'select array_agg(role order by role) as roles from tenantry.member_roles where tenant_id = $1',
      [tenant.id],
    )
    return rows[0]?.roles
  })
  expect(roles).toEqual(['manager', 'operator'])
  const body = { email, password: 'lètmein' }
  const signIn = () => tenant.send({ method: 'POST', path: '/api/auth/login', body })
  const first = await signIn()
  expect(first.status).toBe(200)
  // After the reply.
  await expect.poll(() => hashOf(email)).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
  const headers = { authorization: `Bearer ${first.json.access_token}` }
  expect((await tenant.send({ path: '/api/projects', headers })).status).toBe(200)
  expect((await signIn()).status).toBe(200)
})

function hashOf(email: string): Promise<string | undefined> {
  return withClient(inject('tenantryDatabase').identity, async (client) => {
    const { rows } = await client.query<{ hash: string }>(
      'select password_hash as hash from tenantry.users where email = $1',
      [email],
    )
    return rows[0]?.hash
  })
}
