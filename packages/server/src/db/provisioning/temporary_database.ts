import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Config } from '../../config/config.ts'
import { withClient } from '../connect/with_client.ts'
import { startEmbedded } from '../embedded/embedded.ts'
import { histories, migrateUp } from '../migrations/migrate.ts'
import { storeIdentityScope } from './identity_scope.ts'
import { derivedPasswords } from './passwords.ts'
import { provisionDatabase } from './provision.ts'
import type { RoleUrls } from './roles.ts'

/** A migrated database that exists until `stop`. */
export interface TemporaryDatabase {
  urls: RoleUrls & { admin: string }
  stop(): Promise<void>
}

/**
 * Creates a database with the schema of the kernel and of the app: on the server of `adminUrl`, or else
 * on an embedded PostgreSQL in a temporary folder.
 */
export async function openTemporaryDatabase(
  appMigrations: string,
  adminUrl?: string,
  identityScope: Config['IDENTITY_SCOPE'] = 'global',
): Promise<TemporaryDatabase> {
  const server = adminUrl === undefined ? await embeddedServer() : externalServer(adminUrl)
  const database = `tenantry_test_${randomBytes(6).toString('hex')}`
  try {
    const urls = await migratedDatabase(server.adminUrl, database, appMigrations)
    await storeIdentityScope(urls.owner, identityScope)
    return { urls: { ...urls, admin: server.adminUrl }, stop: () => server.stop(database) }
  } catch (error) {
    await server.stop(database)
    throw error
  }
}

async function migratedDatabase(
  adminUrl: string,
  database: string,
  appMigrations: string,
): Promise<RoleUrls> {
  const passwords = derivedPasswords(adminUrl)
  const urls = await provisionDatabase({ adminUrl, database, passwords })
  await migrateUp(urls.owner, histories(appMigrations))
  return urls
}

interface Server {
  adminUrl: string
  stop(database: string): Promise<void>
}

function externalServer(adminUrl: string): Server {
  return {
    adminUrl,
    stop: (database) =>
      withClient(adminUrl, async (client) => {
        await client.query(`drop database if exists ${database} with (force)`)
      }),
  }
}

async function embeddedServer(): Promise<Server> {
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
