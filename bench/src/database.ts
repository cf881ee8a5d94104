import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { withClient } from '../../packages/server/src/db/connect/with_client.ts'
import { startEmbedded } from '../../packages/server/src/db/embedded/embedded.ts'
import {
  openTemporaryDatabase,
  type TemporaryDatabase,
} from '../../packages/server/src/db/provisioning/temporary_database.ts'

const migrations = join(import.meta.dirname, '../../starter/migrations')

// Enough for what the figures read of a million tenants: with less, they would measure reads of files.
const SHARED_BUFFERS = '2GB'

/** A throw-away PostgreSQL with the schema of kernel and starter. */
export async function openDatabase(): Promise<TemporaryDatabase> {
  const dataDir = await mkdtemp(join(tmpdir(), 'tenantry-bench-'))
  const server = await startEmbedded({ dataDir, ephemeral: true, sharedBuffers: SHARED_BUFFERS })
  const { urls } = await openTemporaryDatabase(migrations, server.adminUrl)
  return {
    urls,
    async stop() {
      await server.stop()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}

/** A second such database on the same server; it ends with the first. */
export function openDatabaseOn({ urls }: TemporaryDatabase): Promise<TemporaryDatabase> {
  return openTemporaryDatabase(migrations, urls.admin)
}

/** The superuser's DSN to the migrated database. */
export function superuserUrl({ urls }: TemporaryDatabase): string {
  const url = new URL(urls.admin)
  url.pathname = new URL(urls.owner).pathname
  return url.href
}

/** An empty database on the same server, for a peer; it ends with the migrated one. */
export async function emptyDatabase({ urls }: TemporaryDatabase, name: string): Promise<string> {
  await withClient(urls.admin, async (client) => {
    await client.query(`create database ${name}`)
  })
  const url = new URL(urls.admin)
  url.pathname = name
  return url.href
}

/** Runs statements as superuser, one after the other. Returns the rows of the last. */
export async function asSuperuser<Row>(
  database: TemporaryDatabase,
  ...statements: string[]
): Promise<Row[]> {
  return withClient(superuserUrl(database), async (client) => {
    let rows: Row[] = []
    for (const text of statements) rows = (await client.query(text)).rows
    return rows
  })
}
