import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { readEnvironment } from '../config.ts'
import { startEmbedded } from '../db/embedded.ts'
import { histories, migrateUp } from '../db/migrate.ts'
import { derivedPasswords, type RoleUrls, setupDatabase, withClient } from '../db/setup.ts'
import { databaseUrl } from '../setting.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    tenantryDatabase: RoleUrls & { admin: string }
  }
}

/**
 * A vitest globalSetup: one migrated database for the whole run, on TEST_DB_URL's server or on an
 * embedded one in a temporary folder. `appMigrations` is the folder of the app's own SQL.
 */
export function databaseForTests(appMigrations: string) {
  return async ({ provide }: TestProject): Promise<() => Promise<void>> => {
    const given = readEnvironment(process.cwd())['TEST_DB_URL']
    const server = given ? externalServer(databaseUrl(given)) : await embeddedServer()
    const database = `tenantry_test_${randomBytes(6).toString('hex')}`
    const { adminUrl } = server
    const passwords = derivedPasswords(adminUrl)
    const urls = await setupDatabase({ adminUrl, database, passwords })
    const { owner, app, identity, platform } = urls
    if (!owner || !app || !identity || !platform) throw new Error('set-up gave no DSNs')
    await migrateUp(owner, histories(appMigrations))
    provide('tenantryDatabase', { admin: adminUrl, owner, app, identity, platform })
    return () => server.stop(database)
  }
}

interface TestServer {
  adminUrl: string
  stop(database: string): Promise<void>
}

function externalServer(adminUrl: string): TestServer {
  return {
    adminUrl,
    stop: (database) =>
      withClient(adminUrl, async (client) => {
        await client.query(`drop database if exists ${database} with (force)`)
      }),
  }
}

async function embeddedServer(): Promise<TestServer> {
  const dataDir = await mkdtemp(join(tmpdir(), 'tenantry-test-'))
  const postgres = await startEmbedded({ dataDir, ephemeral: true })
  return {
    adminUrl: postgres.adminUrl,
    async stop() {
      await postgres.stop()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}
