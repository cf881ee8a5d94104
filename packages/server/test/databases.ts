import { randomBytes } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import type pg from 'pg'
import { inject } from 'vitest'
import { histories, migrateUp } from '../src/db/migrate.ts'
import { databaseOf } from '../src/db/probe.ts'
import { type RoleUrls, setupDatabase, withClient, withDatabase } from '../src/db/setup.ts'

/** DSNs to one database: of each role, and of the superuser. */
export type DatabaseUrls = RoleUrls & { admin: string }

export const appMigrations = fileURLToPath(new URL('../../../starter/migrations', import.meta.url))

/** The run's own database, migrated; every test file shares it. */
export function sharedDatabase(): DatabaseUrls {
  const urls = inject('tenantryDatabase')
  return { ...urls, admin: withDatabase(urls.admin, databaseOf(urls.owner)) }
}

/** The shared database as a server gets to it: by way of a pooler, where the run has one. */
export function doorUrls(): Pick<RoleUrls, 'app' | 'identity' | 'platform'> {
  return inject('tenantryDatabase').pooled ?? sharedDatabase()
}

/** Do the doors go through a pooler? To one of before PgBouncer 1.21 no statement may have a name. */
export function isPooled(): boolean {
  return inject('tenantryDatabase').pooled !== undefined
}

/** The settings of a server process on the shared database. */
export function serverSettings(): Record<string, string> {
  const { app, identity } = doorUrls()
  return {
    DB_URL: app,
    DB_IDENTITY_URL: identity,
    // Whoever only listens needs no right to anything.
    DB_LISTEN_URL: sharedDatabase().identity,
    DB_PREPARED: isPooled() ? 'off' : 'on',
  }
}

/** Runs SQL as one of the roles. The platform door's sees all rows; the owner's, the catalog and no row. */
export function asRole<T>(
  role: keyof RoleUrls,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  return withClient(sharedDatabase()[role], work)
}

/** Runs SQL past every door, as who made the database: only for what no role of ours may do. */
export function asAdmin<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
  return withClient(sharedDatabase().admin, work)
}

/** Runs `work` on a database of its own, as `tenantry setup` leaves it: empty. */
export async function onEmptyDatabase<T>(work: (urls: DatabaseUrls) => Promise<T>): Promise<T> {
  const shared = inject('tenantryDatabase')
  const database = `tenantry_test_${randomBytes(6).toString('hex')}`
  // The roles have their passwords already.
  await setupDatabase({ adminUrl: shared.admin, database, passwords: {} })
  const { admin, owner, app, identity, platform } = shared
  const on = (url: string) => withDatabase(url, database)
  try {
    return await work({
      admin: on(admin),
      owner: on(owner),
      app: on(app),
      identity: on(identity),
      platform: on(platform),
    })
  } finally {
    await withClient(admin, (client) => client.query(`drop database ${database} with (force)`))
  }
}

/** The same, with both histories applied. */
export function onMigratedDatabase<T>(work: (urls: DatabaseUrls) => Promise<T>): Promise<T> {
  return onEmptyDatabase(async (urls) => {
    await migrateUp(urls.owner, histories(appMigrations))
    return work(urls)
  })
}
