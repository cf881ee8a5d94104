import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { openTemporaryDatabase } from '../../src/db/provisioning/temporary_database.ts'
import { findProgram, type Program } from './program.ts'
import { startPgBouncer } from './start.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** PgBouncer's connections to PostgreSQL for each role. */
    poolSize: number
    /** The folder of the app's migrations. */
    appMigrations: string
    pgbouncer: Program
  }
}

/** A vitest globalSetup: one migrated database for the run, and a PgBouncer that every scope goes through. */
export async function setup({ config, provide }: TestProject): Promise<() => Promise<void>> {
  const folder = mkdtempSync(join(tmpdir(), 'tenantry-pgbouncer-program-'))
  const program = findProgram(folder)
  const { poolSize = 1, appMigrations = '' } = config.provide
  const { urls, stop } = await openTemporaryDatabase(appMigrations)
  const { app, identity, jobs, platform } = urls
  const users = [app, identity, jobs, platform]
  const pooler = await startPgBouncer({ program, users, poolSize })
  const through = {
    app: pooler.through(app),
    identity: pooler.through(identity),
    jobs: pooler.through(jobs),
    platform: pooler.through(platform),
  }
  provide('tenantryDatabase', { ...urls, identityScope: 'global', pooled: through })
  provide('pgbouncer', program)
  return async () => {
    await pooler.stop()
    await stop()
    rmSync(folder, { recursive: true, force: true })
  }
}
