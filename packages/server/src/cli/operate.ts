import { type CommandConfig, loadCommandConfig, readEnvironment } from '../config.ts'
import type { Doors } from '../db/tenancy.ts'
import type { App } from '../define_app.ts'
import { loadApp } from './load_app.ts'
import { bringUpToDate, withDatabase, withDoors } from './open_database.ts'

/** What an operator's command works with. */
export interface Operation {
  app: App
  config: CommandConfig
  doors: Doors
}

/** What every operator's command takes. */
export interface OperatorOptions {
  reason?: string
  json?: boolean
}

const MAX_REASON = 500

/** Opens the operators' doors for one command. */
export async function operate<T>(work: (operation: Operation) => Promise<T>): Promise<T> {
  const config = loadCommandConfig(readEnvironment(process.cwd()))
  const app = await loadApp(process.cwd())
  return withDatabase(config, async (database) => {
    if (!config.production) await bringUpToDate(database, app, false)
    return withDoors(config, database, (doors) => work({ app, config, doors }))
  })
}

/** Why the door across tenants is opened: as the operator says, or the command itself. */
export function reasonOf({ reason }: OperatorOptions): string {
  return (reason ?? `tenantry ${process.argv.slice(2).join(' ')}`).slice(0, MAX_REASON)
}
