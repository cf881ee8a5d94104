import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { withClient } from '../../src/db/connect/with_client.ts'
import { identityScopeFault, storeIdentityScope } from '../../src/db/provisioning/identity_scope.ts'
import { asRole, onMigratedDatabase } from '../fixtures/databases.ts'

const insertTenant =
  "insert into tenantry.tenants (id, name, subdomain, code) values ($1, 'A', 'a', 'A')"
const insertUser =
  "insert into tenantry.users (id, realm_id, email, email_key) values ($1, $2, 'a@b.example', 'a@b.example')"

test('the identity scope of a database changes until it has a tenant or a user', async () => {
  await onMigratedDatabase(async ({ owner, identity, platform }) => {
    expect(await identityScopeFault(identity, 'global')).toBeUndefined()
    await storeIdentityScope(owner, 'tenant')
    expect(await identityScopeFault(identity, 'tenant')).toBeUndefined()
    const advice = /^IDENTITY_SCOPE is global, but .* with tenant, .* set IDENTITY_SCOPE=tenant, or/
    expect(await identityScopeFault(identity, 'global')).toMatch(advice)

    const id = randomUUID()
    await withClient(platform, async (client) => {
      await client.query(insertTenant, [id])
      await expect(storeIdentityScope(owner, 'global')).rejects.toThrow(advice)
      await client.query(insertUser, [id, id])
      await client.query('delete from tenantry.tenants')
      await expect(storeIdentityScope(owner, 'global')).rejects.toThrow(advice)
      await client.query('delete from tenantry.users')
    })
    await storeIdentityScope(owner, 'global')
    expect(await identityScopeFault(identity, 'global')).toBeUndefined()
  })
})

test('with the global scope the database accepts users of the realm of the installation only', async () => {
  await asRole('platform', async (client) => {
    const insert = client.query(insertUser, [randomUUID(), randomUUID()])
    await expect(insert).rejects.toMatchObject({ constraint: 'users_identity_scope_fkey' })
  })
})

test.each(['app', 'identity', 'platform', 'jobs'] as const)(
  'the %s role cannot change the identity scope',
  async (role) => {
    const change = asRole(role, (client) =>
      client.query("update tenantry.installation set identity_scope = 'tenant'"),
    )
    await expect(change).rejects.toMatchObject({ code: '42501' })
  },
)
