import type { TestProject } from 'vitest/node'
import { type Config, readEnvironment } from '../config/config.ts'
import { databaseUrl } from '../config/parsers.ts'
import { databaseOf } from '../db/connect/dsn.ts'
import { withClient } from '../db/connect/with_client.ts'
import type { RoleUrls } from '../db/provisioning/roles.ts'
import { openTemporaryDatabase } from '../db/provisioning/temporary_database.ts'
import { copyDatabase } from './copy_database.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    tenantryDatabase: RoleUrls & {
      admin: string
      identityScope: Config['IDENTITY_SCOPE']
      /** A copy that no test connects to: to copy it costs less than to migrate another database. */
      template?: { database: string; appMigrations: string }
      /** DSNs of the serving roles through a pooler, if the tests use one. */
      pooled?: Pick<RoleUrls, 'app' | 'identity' | 'jobs' | 'platform'>
    }
  }
}

/**
 * A globalSetup for vitest: one migrated database for the whole run, on the server of TEST_DB_URL or on an
 * embedded one in a temporary folder. `appMigrations` is the folder of the app's SQL migrations. Without
 * `identityScope` the database has that of IDENTITY_SCOPE, as the app's has.
 */
export function databaseForTests(appMigrations: string, identityScope?: Config['IDENTITY_SCOPE']) {
  return async ({ provide }: TestProject): Promise<() => Promise<void>> => {
    const { TEST_DB_URL: given, IDENTITY_SCOPE } = readEnvironment(process.cwd())
    const scope = identityScope ?? (IDENTITY_SCOPE === 'tenant' ? 'tenant' : 'global')
    const { urls, stop } = await openTemporaryDatabase(
      appMigrations,
      given ? databaseUrl(given) : undefined,
      scope,
    )
    // Before any test connects to it.
    const template = `${databaseOf(urls.owner)}_template`
    await copyDatabase(urls.admin, template, databaseOf(urls.owner))
    const ofTests = {
      ...urls,
      identityScope: scope,
      template: { database: template, appMigrations },
    }
    provide('tenantryDatabase', ofTests)
    return async () => {
      await withClient(urls.admin, (client) => client.query(`drop database if exists ${template}`))
      await stop()
    }
  }
}
