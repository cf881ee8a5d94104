import { fileURLToPath } from 'node:url'
import type { App } from '../app/define_app.ts'
import type { CommandConfig } from '../config/config.ts'
import { histories, migrateUp, migrationFault, migrationStatus } from '../db/migrations/migrate.ts'
import { type OpenDatabase, openDatabase } from '../db/open_database.ts'
import { type ChosenDatabase, chooseDatabase } from '../db/provisioning/choose_database.ts'
import { identityScopeFault, storeIdentityScope } from '../db/provisioning/identity_scope.ts'
import { connectionFault, encodingFault, isPooled, probeServer } from '../db/provisioning/probe.ts'
import { settingsOf } from '../db/provisioning/role_urls.ts'
import { OperatorError } from '../lib/operator_error.ts'

/**
 * Migrates the schema to the version that the code needs, and stores the identity scope of an empty database;
 * production only compares both. Throws an OperatorError if they do not match.
 */
export async function bringUpToDate(
  chosen: ChosenDatabase,
  app: App,
  { production, IDENTITY_SCOPE: scope }: Pick<CommandConfig, 'production' | 'IDENTITY_SCOPE'>,
): Promise<void> {
  await migrateForStart(chosen, app, production)
  const { owner, identity } = chosen.urls
  const fault = await identityScopeFault(identity, scope)
  if (fault === undefined) return
  if (production || owner === undefined) throw new OperatorError(fault)
  await storeIdentityScope(owner, scope)
}

async function migrateForStart(
  { urls }: ChosenDatabase,
  app: App,
  production: boolean,
): Promise<void> {
  const all = histories(fileURLToPath(app.migrations))
  const owner = production ? undefined : urls.owner
  const setting = owner === undefined ? 'DB_IDENTITY_URL' : 'DB_OWNER_URL'
  const facts = await probeServer(owner ?? urls.identity, setting)
  const wrongEncoding = encodingFault(facts)
  if (wrongEncoding !== undefined) throw new OperatorError(`${setting}: ${wrongEncoding}`)
  const statuses = await migrationStatus(owner ?? urls.identity, all)
  const fault = migrationFault(statuses)
  if (fault === undefined) return
  if (owner === undefined || statuses.some(({ unknown }) => unknown.length > 0)) {
    throw new OperatorError(fault)
  }
  if (facts.standby) throw new OperatorError(`${fault}, with the DSN of the primary`)
  if (await isPooled(owner, setting)) throw pooledOwner()
  await migrateUp(owner, all)
}

/** Migrations need one session for their locks and settings, which a pooler does not provide. */
export function pooledOwner(): OperatorError {
  return new OperatorError(
    'DB_OWNER_URL leads to a pooler such as PgBouncer: set a DSN that leads to PostgreSQL itself',
  )
}

/** Opens the scopes of a platform admin, including `acrossTenants`, and closes them after `work`. */
export async function withPlatformDatabase<T>(
  config: CommandConfig,
  { urls }: ChosenDatabase,
  work: (database: OpenDatabase['database']) => Promise<T>,
): Promise<T> {
  if (urls.platform === undefined) {
    throw new OperatorError('this command needs DB_PLATFORM_URL, which `tenantry setup` prints')
  }
  const opened = openDatabase({ ...config, ...settingsOf(urls) }, () => {})
  try {
    await opened.loadTenantTables().catch((error) => {
      throw connectionFault(error, urls.app, 'DB_URL')
    })
    return await work(opened.database)
  } finally {
    await opened.close()
  }
}

/** Prepares the database for a command and stops it afterwards. */
export async function withDatabase<T>(
  config: CommandConfig,
  work: (database: ChosenDatabase) => Promise<T>,
): Promise<T> {
  const database = await chooseDatabase(config)
  try {
    return await work(database)
  } finally {
    await database.stop()
  }
}
