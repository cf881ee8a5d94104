import { type Kysely, sql } from 'kysely'
import type { Passwords } from '../access/passwords.ts'
import type { Demo, DemoTenant } from '../app/demo.ts'
import { backgroundScope, type PlatformDatabase } from '../db/tenancy.ts'
import { addMember } from '../modules/members/members.ts'
import { createTenant, findTenantId, realmOfTenant } from '../modules/tenants/tenants.ts'
import { ensureUser } from '../modules/users/users.ts'

/** Writes the demo data. Existing rows are not changed. */
export async function seedDemo(
  database: PlatformDatabase,
  passwords: Passwords,
  demo: Demo,
): Promise<void> {
  for (const tenant of demo.tenants) {
    const tenantId = await seedTenant(database, passwords, tenant)
    await database.inTenant(backgroundScope(tenantId), async (db: Kysely<never>) =>
      demo.fill?.(db, tenant),
    )
  }
}

// Demo passwords are hashed and stored directly: the password rules are for passwords that users choose.
async function seedTenant(
  database: PlatformDatabase,
  passwords: Passwords,
  tenant: DemoTenant,
): Promise<string> {
  const hashes = await Promise.all(tenant.members.map((it) => passwords.hash(it.password)))
  return database.acrossTenants('demo data', async (db) => {
    // One at a time: servers that start concurrently on an empty database all write the demo data.
    await sql`select pg_advisory_xact_lock(hashtext('tenantry demo data'))`.execute(db)
    const { name, subdomain, code } = tenant
    const found = await findTenantId(db, subdomain)
    const tenant_id = found ?? (await createTenant(db, { name, subdomain, code }))
    const realm_id = await realmOfTenant(db, tenant_id)
    for (const [at, { email, full_name, roles }] of tenant.members.entries()) {
      const password_hash = hashes[at] ?? null
      const { id } = await ensureUser(db, { email, full_name, realm_id, password_hash })
      await addMember(db, { tenant_id, user_id: id, roles })
    }
    return tenant_id
  })
}
