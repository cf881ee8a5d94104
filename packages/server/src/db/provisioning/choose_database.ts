import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { CommandConfig } from '../../config/config.ts'
import { errorCode, explainFileErrors } from '../../lib/file_errors.ts'
import { OperatorError } from '../../lib/operator_error.ts'
import { databaseOf, serverOf } from '../connect/dsn.ts'
import { withClient } from '../connect/with_client.ts'
import { controlFolder, findDataFolder } from '../embedded/data_folder.ts'
import { startEmbedded } from '../embedded/embedded.ts'
import { acquireLock } from '../embedded/process.ts'
import { readPasswords, writePasswords } from './password_file.ts'
import { randomPasswords } from './passwords.ts'
import { applyPlan, planProvisioning } from './plan.ts'
import { connectionFault } from './probe.ts'
import { provisionDatabase } from './provision.ts'
import { hasSessionSettings } from './role_settings.ts'
import { roleUrls, urlsIn } from './role_urls.ts'
import type { RoleUrls } from './roles.ts'

/** A database whose roles and schema exist, with the DSNs that this process knows. */
export interface ChosenDatabase {
  urls: Pick<RoleUrls, 'app' | 'identity'> & Partial<RoleUrls>
  /** A given database is ready to use; the others are migrated and filled at the start. */
  origin: 'embedded' | 'set up' | 'given'
  /** Where the data is, for display. */
  place: string
  /** Stops the embedded server if this process started it. */
  stop(): Promise<void>
}

const EMBEDDED_DATABASE = 'tenantry'
const LOCK_TIMEOUT_MS = 150_000

/**
 * Chooses the database and makes it usable: the embedded one if DB_URL is unset, a server that an
 * administrator's DB_URL sets up once, or else the given DSNs. Production uses given DSNs only. Throws an
 * OperatorError if that fails.
 */
export async function chooseDatabase(config: CommandConfig): Promise<ChosenDatabase> {
  const { DB_URL, DB_IDENTITY_URL, production } = config
  if (production || (DB_URL !== undefined && DB_IDENTITY_URL !== undefined))
    return databaseOfSettings(config)
  if (DB_URL === undefined) return prepareEmbedded(config.DATA_DIR)
  return prepareServer(DB_URL, config.DATA_DIR)
}

/** The database for commands that change nothing. Undefined if it is not set up yet. */
export async function findDatabase(config: CommandConfig): Promise<ChosenDatabase | undefined> {
  const { DB_URL, DB_IDENTITY_URL, DATA_DIR, production } = config
  if (production || (DB_URL !== undefined && DB_IDENTITY_URL !== undefined))
    return databaseOfSettings(config)
  if (DB_URL === undefined) {
    const stored = readPasswords(DATA_DIR, 'embedded')
    return stored && findDataFolder(controlFolder(DATA_DIR)) ? prepareEmbedded(DATA_DIR) : undefined
  }
  const urls = await readyRoles(DB_URL, DATA_DIR)
  return urls && ofServer(DB_URL, urls)
}

/** Holds a lock on DATA_DIR: two concurrent first starts must agree on the passwords. */
export function withPasswordLock<T>(dataDir: string, work: () => Promise<T>): Promise<T> {
  return explainFileErrors(dataDir, async () => {
    mkdirSync(dataDir, { recursive: true })
    const release = await acquireLock(join(dataDir, 'roles.lock'), LOCK_TIMEOUT_MS)
    if (release === undefined) {
      throw new OperatorError(`another command has been setting up ${dataDir} for minutes: end it`)
    }
    try {
      return await work()
    } finally {
      release()
    }
  })
}

function databaseOfSettings(config: CommandConfig): ChosenDatabase {
  const { app, identity, ...others } = urlsIn(config)
  if (app === undefined || identity === undefined) {
    throw new OperatorError('set DB_URL and DB_IDENTITY_URL: `tenantry setup` prints them')
  }
  return {
    urls: { app, identity, ...others },
    origin: 'given',
    place: `${serverOf(app)}, database ${databaseOf(app)}`,
    stop: async () => {},
  }
}

async function prepareEmbedded(dataDir: string): Promise<ChosenDatabase> {
  const postgres = await startEmbedded({ dataDir })
  try {
    const urls = await withPasswordLock(dataDir, () => embeddedRoles(postgres.adminUrl, dataDir))
    const place = `${postgres.dataFolder} (embedded PostgreSQL, port ${postgres.port})`
    return { urls, origin: 'embedded', place, stop: postgres.stop }
  } catch (error) {
    await postgres.stop()
    throw error
  }
}

async function embeddedRoles(adminUrl: string, dataDir: string): Promise<RoleUrls> {
  const stored = readPasswords(dataDir, 'embedded')
  const known = stored && roleUrls(adminUrl, EMBEDDED_DATABASE, stored)
  if (known !== undefined && (await isReady(known))) return known
  const passwords = stored ?? randomPasswords()
  writePasswords(dataDir, 'embedded', passwords)
  return provisionDatabase({ adminUrl, database: EMBEDDED_DATABASE, passwords })
}

async function prepareServer(url: string, dataDir: string): Promise<ChosenDatabase> {
  return ofServer(url, await withPasswordLock(dataDir, () => serverRoles(url, dataDir)))
}

function ofServer(url: string, urls: RoleUrls): ChosenDatabase {
  const place = `${serverOf(url)}, database ${databaseOf(url)}`
  return { urls, origin: 'set up', place, stop: async () => {} }
}

async function readyRoles(url: string, dataDir: string): Promise<RoleUrls | undefined> {
  const stored = readPasswords(dataDir, serverOf(url))
  const known = stored && roleUrls(url, databaseOf(url), stored)
  return known !== undefined && (await isReady(known)) ? known : undefined
}

async function serverRoles(url: string, dataDir: string): Promise<RoleUrls> {
  const ready = await readyRoles(url, dataDir)
  if (ready !== undefined) return ready
  const server = serverOf(url)
  const stored = readPasswords(dataDir, server)
  const plan = await planProvisioning({
    adminUrl: url,
    setting: 'DB_URL',
    stored,
    derive: true,
    unknownPasswords: 'reject',
  })
  // Store the passwords before setting them: a role whose password is lost must be reset by hand.
  const passwords = writePasswords(dataDir, server, plan.known)
  await applyPlan(plan)
  return roleUrls(url, databaseOf(url), passwords)
}

// The owner sees the schema as soon as it exists; the other roles see it after the migrations only.
async function isReady(urls: RoleUrls): Promise<boolean> {
  try {
    await withClient(urls.app, async () => {})
    return await withClient(urls.owner, async (client) => {
      const { rowCount } = await client.query("select from pg_namespace where nspname = 'tenantry'")
      return rowCount === 1 && (await hasSessionSettings(client))
    })
  } catch (error) {
    if (/^(28|3D000|42501)/.test(errorCode(error))) return false
    throw connectionFault(error, urls.app, 'DB_URL')
  }
}
