import { randomBytes } from 'node:crypto'
import { inject } from 'vitest'
import { withDatabase } from '../db/connect/dsn.ts'
import { withClient } from '../db/connect/with_client.ts'
import { histories, migrateUp } from '../db/migrations/migrate.ts'
import { storeIdentityScope } from '../db/provisioning/identity_scope.ts'
import { provisionDatabase } from '../db/provisioning/provision.ts'
import { forEachRole, type RoleUrls } from '../db/provisioning/roles.ts'
import { copyDatabase } from './copy_database.ts'

/** DSNs to one database: of each role, and of the superuser. */
export type DatabaseUrls = RoleUrls & { admin: string }

/** Runs `work` on a separate database, empty as `tenantry setup` leaves it, and drops it. */
export async function onEmptyDatabase<T>(work: (urls: DatabaseUrls) => Promise<T>): Promise<T> {
  return onDatabase(async () => {}, work)
}

/** The same, with the migrations of the kernel and of an app applied. */
export async function onMigratedDatabase<T>(
  appMigrations: string,
  work: (urls: DatabaseUrls) => Promise<T>,
): Promise<T> {
  const { template, identityScope, admin } = inject('tenantryDatabase')
  if (template?.appMigrations === appMigrations) {
    return onDatabase((name) => copyDatabase(admin, name, template.database), work)
  }
  return onEmptyDatabase(async (urls) => {
    await migrateUp(urls.owner, histories(appMigrations))
    await storeIdentityScope(urls.owner, identityScope)
    return work(urls)
  })
}

async function onDatabase<T>(
  create: (name: string) => Promise<unknown>,
  work: (urls: DatabaseUrls) => Promise<T>,
): Promise<T> {
  const shared = inject('tenantryDatabase')
  const database = `tenantry_test_${randomBytes(6).toString('hex')}`
  const on = (url: string) => withDatabase(url, database)
  await create(database)
  try {
    // The roles have their passwords already.
    await provisionDatabase({ adminUrl: shared.admin, database, passwords: {} })
    return await work({ ...forEachRole((role) => on(shared[role])), admin: on(shared.admin) })
  } finally {
    await withClient(shared.admin, (client) =>
      client.query(`drop database if exists ${database} with (force)`),
    )
  }
}
