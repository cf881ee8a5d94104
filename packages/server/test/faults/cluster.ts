import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type pg from 'pg'
import { withDatabase } from '../../src/db/connect/dsn.ts'
import { withClient } from '../../src/db/connect/with_client.ts'
import { startEmbedded } from '../../src/db/embedded/embedded.ts'
import { findServer } from '../../src/db/embedded/process.ts'
import { histories, migrateUp } from '../../src/db/migrations/migrate.ts'
import { derivedPasswords } from '../../src/db/provisioning/passwords.ts'
import { provisionDatabase } from '../../src/db/provisioning/provision.ts'
import type { RoleUrls } from '../../src/db/provisioning/roles.ts'
import { appMigrations } from '../fixtures/databases.ts'

/** A separate PostgreSQL, so that a test may kill it. */
export interface Cluster {
  /** DSNs of the roles; after a restart the port may differ. */
  urls: RoleUrls
  port(): number
  /** Runs SQL as the superuser, in the migrated database. */
  asAdmin<T>(work: (client: pg.Client) => Promise<T>): Promise<T>
  /** The pids of the server, the postmaster first. */
  processes(): Promise<number[]>
  dataFolder: string
  /** Starts it again after the postmaster was killed. */
  restart(): Promise<void>
  stop(): Promise<void>
}

const DATABASE = 'faults'

export async function startCluster(): Promise<Cluster> {
  const dataDir = await mkdtemp(join(tmpdir(), 'tenantry-faults-'))
  const start = () => startEmbedded({ dataDir, ephemeral: true })
  let postgres = await start()
  const { adminUrl, dataFolder } = postgres
  const passwords = derivedPasswords(adminUrl)
  const urls = await provisionDatabase({ adminUrl, database: DATABASE, passwords })
  await migrateUp(urls.owner, histories(appMigrations))
  // An ephemeral server acknowledges a COMMIT before it is on disk; these tests count acknowledged writes.
  await withClient(adminUrl, (client) =>
    client.query(`alter database ${DATABASE} set synchronous_commit = on`),
  )
  const asAdmin: Cluster['asAdmin'] = (work) =>
    withClient(withDatabase(postgres.adminUrl, DATABASE), work)
  return {
    urls,
    port: () => postgres.port,
    asAdmin,
    async processes() {
      const first = findServer(dataFolder)?.process.pid
      if (first === undefined) throw new Error('the cluster does not run')
      const { rows } = await asAdmin((client) =>
        client.query<{ pid: number }>(
          'select pid from pg_stat_activity where pid <> pg_backend_pid()',
        ),
      )
      return [first, ...rows.map((it) => it.pid)]
    },
    dataFolder,
    async restart() {
      postgres = await start()
    },
    async stop() {
      await postgres.stop()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}
