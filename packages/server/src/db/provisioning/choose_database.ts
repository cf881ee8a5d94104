import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { CommandConfig } from '../../config/config.ts'
import { errorCode, explainFileErrors } from '../../lib/file_errors.ts'
import { OperatorError } from '../../lib/operator_error.ts'
import { controlFolder, findDataFolder } from '../embedded/data_folder.ts'
import { startEmbedded } from '../embedded/embedded.ts'
import { acquireLock } from '../embedded/process.ts'
import { readPasswords, writePasswords } from './password_file.ts'
import { applyPlan, planProvisioning } from './plan.ts'
import { connectionFault, databaseOf, serverOf } from './probe.ts'
import { provisionDatabase, type RoleUrls, randomPasswords, roleUrls, withClient } from './roles.ts'

/** A database whose roles and schema exist, and the DSNs to it that this process knows. */
export interface ChosenDatabase {
  urls: Pick<RoleUrls, 'app' | 'identity'> & Partial<RoleUrls>
  /** Is it ours to migrate and to fill, or was it handed to us ready? */
  origin: 'embedded' | 'set up' | 'given'
  /** For people: where the data is. */
  place: string
  /** Stops the embedded server where this process started it. */
  stop(): Promise<void>
}

const EMBEDDED_DATABASE = 'tenantry'
const LOCK_PATIENCE = 150_000

/**
 * Decides which database to use and makes it usable: the embedded one without DB_URL; a server that
 * is set up once with an administrator's DB_URL; otherwise the DSNs as they are. Production takes
 * only the last. Throws an OperatorError that says what to do.
 */
export async function chooseDatabase(config: CommandConfig): Promise<ChosenDatabase> {
  const { DB_URL, DB_IDENTITY_URL, production } = config
  if (production || (DB_URL !== undefined && DB_IDENTITY_URL !== undefined)) return given(config)
  if (DB_URL === undefined) return prepareEmbedded(config.DATA_DIR)
  return prepareServer(DB_URL, config.DATA_DIR)
}

/** The database as it stands, for commands that only look: undefined where nothing is set up yet. */
export async function findDatabase(config: CommandConfig): Promise<ChosenDatabase | undefined> {
  const { DB_URL, DB_IDENTITY_URL, DATA_DIR, production } = config
  if (production || (DB_URL !== undefined && DB_IDENTITY_URL !== undefined)) return given(config)
  if (DB_URL === undefined) {
    const kept = readPasswords(DATA_DIR, 'embedded')
    return kept && findDataFolder(controlFolder(DATA_DIR)) ? prepareEmbedded(DATA_DIR) : undefined
  }
  const urls = await readyRoles(DB_URL, DATA_DIR)
  return urls && ofServer(DB_URL, urls)
}

/** One at a time per DATA_DIR: two first starts must agree on the passwords. */
export function withPasswordLock<T>(dataDir: string, work: () => Promise<T>): Promise<T> {
  return explainFileErrors(dataDir, async () => {
    mkdirSync(dataDir, { recursive: true })
    const release = await acquireLock(join(dataDir, 'roles.lock'), LOCK_PATIENCE)
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

function given(config: CommandConfig): ChosenDatabase {
  const { DB_URL, DB_IDENTITY_URL, DB_OWNER_URL, DB_PLATFORM_URL } = config
  if (DB_URL === undefined || DB_IDENTITY_URL === undefined) {
    throw new OperatorError('DB_URL and DB_IDENTITY_URL are needed: `tenantry setup` prints them')
  }
  return {
    urls: {
      app: DB_URL,
      identity: DB_IDENTITY_URL,
      ...(DB_OWNER_URL === undefined ? {} : { owner: DB_OWNER_URL }),
      ...(DB_PLATFORM_URL === undefined ? {} : { platform: DB_PLATFORM_URL }),
    },
    origin: 'given',
    place: `${serverOf(DB_URL)}, database ${databaseOf(DB_URL)}`,
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
  const kept = readPasswords(dataDir, 'embedded')
  const known = kept && roleUrls(adminUrl, EMBEDDED_DATABASE, kept)
  if (known !== undefined && (await isReady(known))) return known
  const passwords = kept ?? randomPasswords()
  writePasswords(dataDir, 'embedded', passwords)
  await provisionDatabase({ adminUrl, database: EMBEDDED_DATABASE, passwords })
  return roleUrls(adminUrl, EMBEDDED_DATABASE, passwords)
}

async function prepareServer(url: string, dataDir: string): Promise<ChosenDatabase> {
  return ofServer(url, await withPasswordLock(dataDir, () => serverRoles(url, dataDir)))
}

function ofServer(url: string, urls: RoleUrls): ChosenDatabase {
  const place = `${serverOf(url)}, database ${databaseOf(url)}`
  return { urls, origin: 'set up', place, stop: async () => {} }
}

async function readyRoles(url: string, dataDir: string): Promise<RoleUrls | undefined> {
  const kept = readPasswords(dataDir, serverOf(url))
  const known = kept && roleUrls(url, databaseOf(url), kept)
  return known !== undefined && (await isReady(known)) ? known : undefined
}

async function serverRoles(url: string, dataDir: string): Promise<RoleUrls> {
  const ready = await readyRoles(url, dataDir)
  if (ready !== undefined) return ready
  const server = serverOf(url)
  const kept = readPasswords(dataDir, server)
  const plan = await planProvisioning({
    adminUrl: url,
    setting: 'DB_URL',
    kept,
    derive: true,
    strangers: 'refuse',
  })
  // Kept before they are set: a role whose password is lost would have to be reset by hand.
  const passwords = writePasswords(dataDir, server, plan.known)
  await applyPlan(plan)
  return roleUrls(url, databaseOf(url), passwords)
}

// The owner sees the schema as soon as it is there; the other doors only after the migrations.
async function isReady(urls: RoleUrls): Promise<boolean> {
  try {
    await withClient(urls.app, async () => {})
    return await withClient(urls.owner, async (client) => {
      const { rowCount } = await client.query("select from pg_namespace where nspname = 'tenantry'")
      return rowCount === 1
    })
  } catch (error) {
    if (/^(28|3D000|42501)/.test(errorCode(error))) return false
    throw connectionFault(error, urls.app, 'DB_URL')
  }
}
