import type { TestProject } from 'vitest/node'
import { readEnvironment } from '../config/config.ts'
import { databaseUrl } from '../config/parsers.ts'
import type { RoleUrls } from '../db/provisioning/roles.ts'
import { openTemporaryDatabase } from '../db/provisioning/temporary_database.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    tenantryDatabase: RoleUrls & {
      admin: string
      /** DSNs of the serving roles through a pooler, if the tests use one. */
      pooled?: Pick<RoleUrls, 'app' | 'identity' | 'jobs' | 'platform'>
    }
  }
}

/**
 * A globalSetup for vitest: one migrated database for the whole run, on the server of TEST_DB_URL or on an
 * embedded one in a temporary folder. `appMigrations` is the folder of the app's SQL migrations.
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
