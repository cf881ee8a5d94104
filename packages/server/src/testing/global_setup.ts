import type { TestProject } from 'vitest/node'
import { readEnvironment } from '../config/config.ts'
import { databaseUrl } from '../config/parsers.ts'
import type { RoleUrls } from '../db/provisioning/roles.ts'
import { openTemporaryDatabase } from '../db/provisioning/temporary_database.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    tenantryDatabase: RoleUrls & {
      admin: string
      /** The doors by way of a pooler, where the tests are to go through one. */
      pooled?: Pick<RoleUrls, 'app' | 'identity' | 'platform'>
    }
  }
}

/**
 * A vitest globalSetup: one migrated database for the whole run, on TEST_DB_URL's server or on an
 * embedded one in a temporary folder. `appMigrations` is the folder of the app's own SQL.
 */
export function databaseForTests(appMigrations: string) {
  return async ({ provide }: TestProject): Promise<() => Promise<void>> => {
    const given = readEnvironment(process.cwd())['TEST_DB_URL']
    const { urls, stop } = await openTemporaryDatabase(
      appMigrations,
      given ? databaseUrl(given) : undefined,
    )
    provide('tenantryDatabase', urls)
    return stop
  }
}
