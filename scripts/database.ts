import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startEmbedded } from '../packages/server/src/db/embedded.ts'
import { histories, migrateUp } from '../packages/server/src/db/migrate.ts'
import { derivedPasswords, setupDatabase } from '../packages/server/src/db/setup.ts'

/** Runs `work` against a freshly migrated, throw-away database. `work` gets the owner's DSN. */
export async function withMigratedDatabase<T>(
  appMigrations: string,
  work: (ownerUrl: string) => Promise<T>,
): Promise<T> {
  const dataDir = await mkdtemp(join(tmpdir(), 'tenantry-generate-'))
  const postgres = await startEmbedded({ dataDir, ephemeral: true })
  try {
    const { adminUrl } = postgres
    const passwords = derivedPasswords(adminUrl)
    const urls = await setupDatabase({ adminUrl, database: 'tenantry', passwords })
    if (urls.owner === undefined) throw new Error('set-up gave no owner')
    await migrateUp(urls.owner, histories(appMigrations))
    return await work(urls.owner)
  } finally {
    await postgres.stop()
    await rm(dataDir, { recursive: true, force: true })
  }
}
