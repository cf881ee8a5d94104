import { fileURLToPath } from 'node:url'
import type { App } from '../../../app/define_app.ts'
import type { RoleUrls } from '../../../db/provisioning/roles.ts'
import { onMigratedDatabase } from '../../own_database.ts'
import { fillTables, type Scale } from './fill_tables.ts'
import { createWorld, type SweepOptions, type World } from './world.ts'

/** A world on its own database, with tables of the size that `scale` gives. */
export interface FilledWorld {
  world: World
  urls: RoleUrls
}

/** Creates a database, fills it with copies of rows that the API creates, runs `work`, and drops it. */
export async function inFilledWorld<T>(
  app: App,
  options: SweepOptions,
  scale: Scale,
  work: (filled: FilledWorld) => Promise<T>,
): Promise<T> {
  return inGrowingWorld(app, options, scale, async (world, grow, urls) => {
    await grow()
    return work({ world, urls })
  })
}

/** The same, but the tables are filled when `work` says so. */
export async function inGrowingWorld<T>(
  app: App,
  options: SweepOptions,
  scale: Scale,
  work: (world: World, grow: () => Promise<void>, urls: RoleUrls) => Promise<T>,
): Promise<T> {
  return onMigratedDatabase(fileURLToPath(app.migrations), async (urls) => {
    const { app: DB_URL, identity: DB_IDENTITY_URL, jobs: DB_JOBS_URL } = urls
    const { platform: DB_PLATFORM_URL } = urls
    // Otherwise the listener would be that of the shared database, and no cache would be used.
    const DB_LISTEN_URL = DB_IDENTITY_URL
    const own = { DB_URL, DB_IDENTITY_URL, DB_JOBS_URL, DB_PLATFORM_URL, DB_LISTEN_URL }
    const settings = { ...options.settings, ...own }
    const world = await createWorld(app, { ...options, settings })
    try {
      return await work(world, () => fillTables(urls, world, scale), urls)
    } finally {
      await world.close()
    }
  })
}
