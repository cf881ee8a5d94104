import { spawn } from 'node:child_process'
import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import {
  controlFolder,
  type DataFolder,
  findDataFolder,
  makeControlFolder,
  openDataFolder,
  readPassword,
  type SystemUser,
  spawnSettings,
} from './data_folder.ts'
import { EmbeddedError, inPlainWords } from './error.ts'
import { launch, type ServerOptions, settledServer } from './launch.ts'
import {
  acquireLock,
  findServer,
  ownIdentity,
  type ProcessIdentity,
  parseLiving,
  readIfThere,
  type Server,
  stopServer,
} from './process.ts'

/** A running PostgreSQL of our own. */
export interface EmbeddedPostgres {
  /** The DSN of its superuser. */
  adminUrl: string
  /** Where the cluster really is, which may be outside DATA_DIR. */
  dataFolder: string
  port: number
  /** Another live process owns it: `stop` leaves it running, and it ends with its owner. */
  attached: boolean
  /** Disconnects every client and ends the server; an ephemeral one is deleted too. */
  stop(): Promise<void>
}

/** Where and how to run it. */
export interface EmbeddedOptions {
  dataDir: string
  /** For tests: fast, not durable, ends with the process that started it, deleted by `stop`. */
  ephemeral?: boolean
  maxConnections?: number
}

/** What already runs on a cluster. */
interface Found {
  server: Server | undefined
  /** The live process that it belongs to. */
  owner: ProcessIdentity | undefined
  usable: boolean
}

const START_PATIENCE = 150_000
const STOP_PATIENCE = 10_000
/** For an owner that is just dying, a server that restarts, leftovers of one that crashed. */
const UNCLEAR_PATIENCE = 15_000

/** Attaches to the server of this DATA_DIR, adopts it when its owner died, or starts it. */
export async function startEmbedded(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const { dataDir, ephemeral = false, maxConnections = ephemeral ? 300 : 100 } = options
  return inPlainWords(dataDir, () =>
    locked(makeControlFolder(dataDir), async (control) => {
      const home = openDataFolder(control, ephemeral)
      return attachOrOwn(home, { ephemeral, maxConnections })
    }),
  )
}

/** Deletes the database of this DATA_DIR; refuses while a live process uses its server. */
export async function removeEmbedded(dataDir: string): Promise<void> {
  const folder = controlFolder(dataDir)
  if (!existsSync(folder)) return
  await inPlainWords(dataDir, () => locked(folder, removeHome))
}

async function locked<T>(control: string, work: (control: string) => Promise<T>): Promise<T> {
  const release = await acquireLock(lockFile(control), START_PATIENCE)
  if (!release) {
    const holder = parseLiving(readIfThere(lockFile(control)))?.pid ?? 'unknown'
    throw new EmbeddedError(
      `Process ${holder} has been starting or stopping the database in ${control} for ` +
        `${START_PATIENCE / 1000} s: end it and try again`,
    )
  }
  try {
    return await work(control)
  } finally {
    release()
  }
}

async function attachOrOwn(home: DataFolder, options: ServerOptions): Promise<EmbeddedPostgres> {
  const until = Date.now() + UNCLEAR_PATIENCE
  const password = readPassword(home)
  for (;;) {
    const found = await lookAround(home, password)
    const database = found.owner
      ? attach(home, found, required(home, password))
      : await own(home, found, required(home, password), options)
    if (database) return database
    if (Date.now() > until) throw unclear(home, found.owner)
    await sleep(200)
  }
}

async function lookAround(home: DataFolder, password: string | undefined): Promise<Found> {
  const server = await settledServer(home.cluster)
  const owner = server && ownerOf(home, server)
  const usable = server !== undefined && (await answers(server, password))
  return { server, owner, usable }
}

function required(home: DataFolder, password: string | undefined): string {
  if (password) return password
  throw new EmbeddedError(
    `The database in ${home.cluster} is locked, for ${join(home.control, 'password')} is missing: ` +
      'put it back, or `tenantry reset` to begin with an empty database',
  )
}

async function answers(server: Server, password: string | undefined): Promise<boolean> {
  if (!password) return false
  const client = new Client({
    connectionString: adminUrl(server, password),
    connectionTimeoutMillis: 5_000,
    query_timeout: 5_000,
  })
  client.on('error', () => {})
  try {
    await client.connect()
    const { rows } = await client.query<{ pid: string }>(
      String.raw`select split_part(pg_read_file('postmaster.pid'), E'\n', 1) as pid`,
    )
    return Number(rows[0]?.pid) === server.process.pid
  } catch {
    return false
  } finally {
    // A frozen server never says goodbye.
    await Promise.race([client.end().catch(() => {}), sleep(1_000, undefined, { ref: false })])
  }
}

function unclear(home: DataFolder, owner: ProcessIdentity | undefined): EmbeddedError {
  if (!owner) {
    return new EmbeddedError(
      `Processes of an earlier PostgreSQL still use ${home.cluster}: end them and start again`,
    )
  }
  return new EmbeddedError(
    `PostgreSQL in ${home.cluster} belongs to process ${owner.pid}, which runs, but it does not ` +
      'answer: end that process and start again',
  )
}

function attach(home: DataFolder, { server, usable }: Found, password: string) {
  if (!server || !usable) return undefined
  return { ...describe(home, server, password), attached: true, stop: async () => {} }
}

async function own(
  home: DataFolder,
  { server: orphan, usable }: Found,
  password: string,
  options: ServerOptions,
): Promise<EmbeddedPostgres | undefined> {
  // The guard of an ephemeral orphan is about to end it: too late to adopt that.
  const adopted = usable && !options.ephemeral ? orphan : undefined
  if (orphan && !adopted) await stopServer(orphan.process)
  const server = adopted ?? (await launch(home, password, options))
  return server && takeOver(home, server, password, options.ephemeral)
}

async function takeOver(home: DataFolder, server: Server, password: string, ephemeral: boolean) {
  const record = JSON.stringify({ ...ownIdentity(), server: server.process.pid })
  try {
    if (!(await answers(server, password))) throw wrongPassword(home)
    writeFileSync(join(home.control, 'port'), `${server.port}\n`)
    writeFileSync(ownerFile(home.control), record)
  } catch (error) {
    await stopServer(server.process)
    throw error
  }
  const dismissGuard = ephemeral ? postGuard(server, home.user) : () => {}
  let stopped: Promise<void> | undefined
  const stop = () => {
    dismissGuard()
    stopped ??= disown(home, server, record, ephemeral)
    return stopped
  }
  return { ...describe(home, server, password), attached: false, stop }
}

function wrongPassword(home: DataFolder): EmbeddedError {
  return new EmbeddedError(
    `The database in ${home.cluster} does not take the password in ` +
      `${join(home.control, 'password')}: put the right one back, or \`tenantry reset\``,
  )
}

/** Under the lock, so that nobody adopts a server that is about to end. */
async function disown(home: DataFolder, server: Server, record: string, ephemeral: boolean) {
  const release = await acquireLock(lockFile(home.control), STOP_PATIENCE).catch(() => undefined)
  try {
    const ours = readIfThere(ownerFile(home.control)) === record
    if (ours) rmSync(ownerFile(home.control), { force: true })
    await stopServer(server.process)
    if (ours && ephemeral && release) await removeFiles(home)
  } finally {
    release?.()
  }
}

/** Ends the server when our end of the pipe closes, which even `kill -9` of us does. */
function postGuard(server: Server, user: SystemUser | undefined): () => void {
  if (process.platform === 'win32') return () => {}
  const script = 'read -r _ || kill -INT "$1"'
  const guard = spawn('/bin/sh', ['-c', script, 'sh', String(server.process.pid)], {
    ...spawnSettings(user, '/'),
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  guard.unref()
  guard.on('error', () => {})
  guard.stdin.on('error', () => {})
  return () => guard.stdin.end('\n')
}

async function removeHome(control: string): Promise<void> {
  const home = findDataFolder(control)
  const server = home && findServer(home.cluster)
  const owner = home && server && ownerOf(home, server)
  if (owner) {
    throw new EmbeddedError(
      `The database in ${home.cluster} is in use by process ${owner.pid}: stop that first`,
    )
  }
  if (server) await stopServer(server.process)
  await removeFiles(home ?? { control, files: control })
}

/** All but the control folder itself, in which others may be waiting for the lock. */
async function removeFiles({
  control,
  files,
}: Pick<DataFolder, 'control' | 'files'>): Promise<void> {
  if (files !== control) await rm(files, { recursive: true, force: true })
  for (const name of readdirSync(control).filter((name) => !name.startsWith('lock'))) {
    await rm(join(control, name), { recursive: true, force: true })
  }
}

/** The live process that owns this very server. */
function ownerOf(home: DataFolder, server: Server): ProcessIdentity | undefined {
  const record = readIfThere(ownerFile(home.control))
  return record?.includes(`"server":${server.process.pid}}`) ? parseLiving(record) : undefined
}

function describe(home: DataFolder, server: Server, password: string) {
  return {
    adminUrl: adminUrl(server, password),
    dataFolder: home.cluster,
    port: server.port,
  }
}

function adminUrl({ port }: Server, password: string): string {
  return `postgresql://postgres:${password}@127.0.0.1:${port}/postgres`
}

function lockFile(control: string): string {
  return join(control, 'lock')
}

function ownerFile(control: string): string {
  return join(control, 'owner.json')
}
