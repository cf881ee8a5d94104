import type { App } from '../../app/define_app.ts'
import type { CommandConfig } from '../../config/config.ts'
import { databaseOf } from '../../db/connect/dsn.ts'
import { withClient } from '../../db/connect/with_client.ts'
import {
  assertServingRoles,
  dsnOfListener,
  dsnsOfPools,
  schemaFaults,
} from '../../db/lint/boot_check.ts'
import { findingText, lint } from '../../db/lint/lint.ts'
import { rulesFor, serverFloor } from '../../db/lint/rules.ts'
import { liftedForce } from '../../db/lint/table_rules.ts'
import { invalidIndexes } from '../../db/migrations/concurrent_indexes.ts'
import { type OpenDatabase, openDatabase } from '../../db/open_database.ts'
import { type ChosenDatabase, findDatabase } from '../../db/provisioning/choose_database.ts'
import { identityScopeFault } from '../../db/provisioning/identity_scope.ts'
import { largeObjects } from '../../db/provisioning/large_objects.ts'
import {
  connectionFault,
  encodingFault,
  MINIMUM_VERSION,
  maintenanceUrl,
  probeServer,
  versionText,
} from '../../db/provisioning/probe.ts'
import { inheritedSettings, roleSettings } from '../../db/provisioning/role_settings.ts'
import { settingsOf } from '../../db/provisioning/role_urls.ts'
import { runningServer } from '../../runtime/data_dir_lock.ts'
import { loadApp } from '../../runtime/load_app.ts'
import { incompleteMailTexts } from '../../runtime/mails/all_mails.ts'
import { formatError } from '../format_error.ts'
import { checkBackup } from './backup.ts'
import type { Check } from './check.ts'
import { checkCitus } from './citus.ts'
import { checkDomains } from './domains.ts'
import { checkJobs } from './jobs.ts'
import { checkPages } from './pages.ts'
import { checkReplica } from './replica.ts'
import { checkMigrations, isBehind } from './upgrade.ts'
import { checkUsers } from './users.ts'

/** Checks app and database. Changes nothing, but starts and stops the embedded server if necessary. */
export async function checkDatabase(config: CommandConfig): Promise<Check[]> {
  const checks: Check[] = []
  const app = await attempt(checks, 'app', () => loadApp(process.cwd()))
  if (app !== undefined)
    checks.push(
      { name: 'app', state: 'ok', detail: app.name },
      ...mailTextChecks(app),
      ...checkPages(app, config),
    )
  if (!config.production) checks.push(serverCheck(config))
  const database = await attempt(checks, 'database', () => findDatabase(config))
  if (database === undefined) {
    const { DB_URL } = config
    // The start creates the roles and the database: the server must at least accept the DSN.
    if (DB_URL !== undefined) {
      await attempt(checks, 'database', () => maintenanceUrl(DB_URL, 'DB_URL'))
    }
    const found = checks.some(({ name }) => name === 'database')
    return found ? checks : [...checks, notSetUp(config)]
  }
  try {
    await attempt(checks, 'database', () => inspect(checks, config, database, app))
  } finally {
    await database.stop()
  }
  return checks
}

function mailTextChecks(app: App): Check[] {
  const name = 'mail texts'
  return incompleteMailTexts(app).map((it) => ({
    name,
    state: 'warn',
    detail: `${it} is missing: the mail is in another language`,
  }))
}

function serverCheck({ DATA_DIR }: CommandConfig): Check {
  const running = runningServer(DATA_DIR)
  const where = running?.url === undefined ? '' : ` at ${running.url}`
  const detail = running === undefined ? 'not running' : `process ${running.pid}${where}`
  return { name: 'server', state: 'ok', detail }
}

function notSetUp({ DB_URL }: CommandConfig): Check {
  const what = DB_URL === undefined ? 'the embedded database does not exist yet' : 'not set up yet'
  return { name: 'database', state: 'ok', detail: `${what}: run tenantry start` }
}

async function inspect(
  checks: Check[],
  config: CommandConfig,
  database: ChosenDatabase,
  app: App | undefined,
): Promise<void> {
  await assertReachable(database)
  checks.push({ name: 'database', state: 'ok', detail: database.place })
  const opened = openDatabase({ ...config, ...settingsOf(database.urls) }, () => {})
  try {
    const logins = await attempt(checks, 'roles', () =>
      checkRoles(checks, config, database, opened),
    )
    await attempt(checks, 'row-level security', async () => {
      // The indexes of a list may come with a migration that is pending.
      const { routes, ...rest } = app ?? {}
      const judged = (await isBehind(database.urls, app)) ? rest : { routes, ...rest }
      await checkRls(checks, opened, judged, logins)
    })
    await attempt(checks, 'role settings', () => checkServerSettings(checks, database, opened))
    await attempt(checks, 'read replica', async () => {
      checks.push(...(await checkReplica(config, database)))
    })
    await attempt(checks, 'citus', async () => {
      checks.push(...(await checkCitus(database, opened)))
    })
    await attempt(checks, 'backup', () => checkBackupDsn(checks, database))
    await attempt(checks, 'migrations', async () =>
      checks.push(...(await checkMigrations(config, database.urls, app))),
    )
    await attempt(checks, 'indexes', () => checkIndexes(checks, opened))
    await attempt(checks, 'identity scope', () => checkIdentityScope(checks, config, database))
    await attempt(checks, 'users', async () => {
      checks.push(...(await checkUsers(database.urls.identity)))
    })
    await attempt(checks, 'domains', async () =>
      checks.push(...(await checkDomains(config, opened.database))),
    )
    await attempt(checks, 'jobs', async () => checks.push(...(await checkJobs(opened.worker))))
    await attempt(checks, 'server version', () => checkVersion(checks, config, database, opened))
  } finally {
    await opened.close()
  }
}

// Without it each check would repeat that it cannot connect.
async function assertReachable({ urls }: ChosenDatabase): Promise<void> {
  await withClient(urls.app, (client) => client.query('select 1')).catch((error) => {
    throw connectionFault(error, urls.app, 'DB_URL')
  })
}

async function checkRoles(
  checks: Check[],
  { DB_LISTEN_URL }: CommandConfig,
  { urls }: ChosenDatabase,
  { pools }: OpenDatabase,
): Promise<string[]> {
  const dsns = [...dsnsOfPools(urls, pools), ...dsnOfListener(DB_LISTEN_URL)]
  const logins = await assertServingRoles(dsns)
  const names = dsns.map(({ setting }) => setting).join(', ')
  checks.push({ name: 'roles', state: 'ok', detail: `${names}: none bypasses row-level security` })
  return logins
}

async function checkRls(
  checks: Check[],
  { pools }: OpenDatabase,
  app: Partial<App>,
  logins: string[] | undefined,
): Promise<void> {
  const { violations, exceptions } = await schemaFaults(pools.app, app, logins)
  const lifted = await lint(pools.app, [liftedForce])
  const faults = [...violations, ...lifted.map(findingText)]
  const name = 'row-level security'
  checks.push(...faults.map((detail): Check => ({ name, state: 'fail', detail })))
  // After a rollback the schema may be older than the list.
  checks.push(...exceptions.map((detail): Check => ({ name, state: 'warn', detail })))
  if (faults.length === 0) {
    checks.push({ name, state: 'ok', detail: `${rulesFor(app).length} rules, no violation` })
  }
}

// Checks what belongs to the server and not to the schema: settings of roles, and large objects.
async function checkServerSettings(
  checks: Check[],
  { urls }: ChosenDatabase,
  { pools }: OpenDatabase,
): Promise<void> {
  const name = 'role settings'
  const stored = (await lint(pools.app, [roleSettings])).map(findingText)
  // A server, a database, a DSN or another login role can bring settings too.
  const faults = stored.length > 0 ? stored : await inheritedBy(urls)
  for (const detail of faults) checks.push({ name, state: 'fail', detail })
  if (faults.length === 0) checks.push({ name, state: 'ok', detail: 'as the set-up made them' })
  for (const finding of await lint(pools.app, [largeObjects])) {
    checks.push({ name: 'large objects', state: 'warn', detail: findingText(finding) })
  }
}

async function inheritedBy(urls: ChosenDatabase['urls']): Promise<string[]> {
  const found: string[] = []
  for (const [role, url] of Object.entries(urls)) {
    const faults = await withClient(url, inheritedSettings)
    found.push(...faults.map((fault) => `${role}: ${fault}`))
  }
  return found
}

async function checkBackupDsn(checks: Check[], { urls }: ChosenDatabase): Promise<void> {
  if (urls.backup !== undefined) {
    checks.push(await checkBackup(urls.backup, databaseOf(urls.app)))
  }
}

async function checkIdentityScope(
  checks: Check[],
  { IDENTITY_SCOPE: scope }: CommandConfig,
  { urls }: ChosenDatabase,
): Promise<void> {
  const name = 'identity scope'
  const fault = await identityScopeFault(urls.identity, scope)
  const accounts = scope === 'global' ? 'one account in all tenants' : 'accounts in each tenant'
  checks.push(
    fault === undefined
      ? { name, state: 'ok', detail: `${scope}: ${accounts}` }
      : { name, state: 'fail', detail: fault },
  )
}

async function checkIndexes(checks: Check[], { pools }: OpenDatabase): Promise<void> {
  for (const { path, table } of await invalidIndexes(pools.app)) {
    const remedy =
      'run tenantry migrate up if its migration is pending, else drop it or run REINDEX'
    const detail = `${path} of ${table} is invalid: ${remedy}`
    checks.push({ name: 'indexes', state: 'warn', detail })
  }
}

async function checkVersion(
  checks: Check[],
  { production }: CommandConfig,
  { urls }: ChosenDatabase,
  { pools }: OpenDatabase,
): Promise<void> {
  const name = 'server version'
  const facts = await probeServer(urls.app, 'DB_URL')
  const { version, standby } = facts
  const encoding = encodingFault(facts)
  if (encoding !== undefined) checks.push({ name: 'encoding', state: 'fail', detail: encoding })
  if (standby) {
    const detail = 'a read-only standby: writes get 503 until it is promoted'
    checks.push({ name: 'primary', state: 'warn', detail })
  }
  const server = `PostgreSQL ${versionText(version)}`
  if (version < MINIMUM_VERSION * 10_000) {
    checks.push({ name, state: 'fail', detail: `${server}: use ${MINIMUM_VERSION} or later` })
    return
  }
  const [finding] = await lint(pools.app, [serverFloor])
  if (finding === undefined) checks.push({ name, state: 'ok', detail: server })
  else checks.push({ name, state: production ? 'fail' : 'warn', detail: findingText(finding) })
}

// Reports an error as a failed check, so that the other checks still run.
async function attempt<T>(
  checks: Check[],
  name: string,
  work: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await work()
  } catch (error) {
    const lines = formatError(error, false)
      .replaceAll(/^tenantry: /gm, '')
      .split('\n')
    checks.push(...lines.map((detail): Check => ({ name, state: 'fail', detail })))
    return undefined
  }
}
