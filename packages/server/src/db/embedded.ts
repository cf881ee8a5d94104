import { spawn } from 'node:child_process'
import { existsSync, readdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import {
  controlFolder,
  findHome,
  type Home,
  makeControlFolder,
  openHome,
  readPassword,
  type SystemUser,
  spawnSettings,
} from './embedded_home.ts'
import { launch, type ServerOptions, settledServer } from './embedded_launch.ts'
import {
  acquireLock,
  EmbeddedError,
  errorCode,
  findServer,
  ownIdentity,
  type ProcessIdentity,
  parseLiving,
  readIfThere,
  type Server,
  stopServer,
} from './embedded_process.ts'

export { EmbeddedError }

/** A running PostgreSQL of our own. */
export interface EmbeddedPostgres {
  /** The DSN of its superuser. */
  adminUrl: string
  /** Where the cluster really is, which may be outside DATA_DIR. */
  dataFolder: string
  port: number
  /** Another live process owns it: `stop` leaves it running, and it ends with its owner. */
  attached: boolean
  /** Disconnects every client, ends the server and waits until it is gone. */
  stop(): Promise<void>
}

/** Where and how to run it. */
export interface EmbeddedOptions {
  dataDir: string
  /** For tests: fast and not durable, and it ends with the process that started it. */
  ephemeral?: boolean
  maxConnections?: number
}

const START_PATIENCE = 150_000
const STOP_PATIENCE = 10_000
const LEFTOVERS_PATIENCE = 15_000

/** Attaches to the server of this DATA_DIR, adopts it when its owner died, or starts it. */
export async function startEmbedded(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const { dataDir, ephemeral = false, maxConnections = ephemeral ? 300 : 100 } = options
  return inPlainWords(dataDir, () =>
    locked(makeControlFolder(dataDir), async (control) => {
      const home = openHome(control, ephemeral)
      return attachOrOwn(home, { ephemeral, maxConnections })
    }),
  )
}

/** Deletes the database of this DATA_DIR; refuses while a live process uses its server. */
export async function removeEmbedded(dataDir: string): Promise<void> {
  const folder = controlFolder(dataDir)
  if (!existsSync(folder)) return
  await inPlainWords(dataDir, () => locked(folder, removeHome))
  if (readdirSync(folder).length === 0) rmdirSync(folder)
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

async function attachOrOwn(home: Home, options: ServerOptions): Promise<EmbeddedPostgres> {
  const until = Date.now() + LEFTOVERS_PATIENCE
  const password = readPassword(home)
  while (Date.now() < until) {
    const running = await usableServer(home, password, options)
    if (running && password && ownerOf(home, running)) return attach(home, running, password)
    const server = running ?? (await launch(home, required(home, password), options))
    if (server) return own(home, server, required(home, password), options)
    await sleep(200)
  }
  throw new EmbeddedError(
    `Processes of an earlier PostgreSQL still use ${home.cluster}: end them and start again`,
  )
}

function required(home: Home, password: string | undefined): string {
  if (password) return password
  throw new EmbeddedError(
    `The database in ${home.cluster} is locked, for ${join(home.control, 'password')} is missing: ` +
      'put it back, or `tenantry reset` to begin with an empty database',
  )
}

/** The server that already runs here; an orphan that is of no use is stopped. */
async function usableServer(
  home: Home,
  password: string | undefined,
  { ephemeral }: ServerOptions,
): Promise<Server | undefined> {
  const server = await settledServer(home.cluster)
  if (!server) return undefined
  const owner = ownerOf(home, server)
  // The guard of a throw-away server is about to end it: too late to adopt.
  const wanted = owner !== undefined || !ephemeral
  if (wanted && password && (await answers(server, password))) return server
  if (owner) throw unresponsive(home, owner)
  await stopServer(server.process)
  return undefined
}

async function answers(server: Server, password: string): Promise<boolean> {
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

function unresponsive(home: Home, owner: ProcessIdentity): EmbeddedError {
  return new EmbeddedError(
    `PostgreSQL in ${home.cluster} belongs to process ${owner.pid}, which runs, but it does not ` +
      'answer: end that process and start again',
  )
}

function attach(home: Home, server: Server, password: string): EmbeddedPostgres {
  return { ...describe(home, server, password), attached: true, stop: async () => {} }
}

async function own(
  home: Home,
  server: Server,
  password: string,
  { ephemeral }: ServerOptions,
): Promise<EmbeddedPostgres> {
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
    stopped ??= disown(home, server, record)
    return stopped
  }
  return { ...describe(home, server, password), attached: false, stop }
}

function wrongPassword(home: Home): EmbeddedError {
  return new EmbeddedError(
    `The database in ${home.cluster} does not take the password in ` +
      `${join(home.control, 'password')}: put the right one back, or \`tenantry reset\``,
  )
}

/** Under the lock, so that nobody adopts a server that is about to end. */
async function disown(home: Home, server: Server, record: string): Promise<void> {
  const release = await acquireLock(lockFile(home.control), STOP_PATIENCE).catch(() => undefined)
  try {
    const file = ownerFile(home.control)
    if (readIfThere(file) === record) rmSync(file, { force: true })
    await stopServer(server.process)
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
  guard.stdin.on('error', () => {})
  return () => guard.stdin.end('\n')
}

async function removeHome(control: string): Promise<void> {
  const home = findHome(control)
  const server = home && findServer(home.cluster)
  const owner = home && server && ownerOf(home, server)
  if (owner) {
    throw new EmbeddedError(
      `The database in ${home.cluster} is in use by process ${owner.pid}: stop that first`,
    )
  }
  if (server) await stopServer(server.process)
  if (home && home.files !== control) await rm(home.files, { recursive: true, force: true })
  for (const name of readdirSync(control).filter((name) => name !== 'lock')) {
    await rm(join(control, name), { recursive: true, force: true })
  }
}

/** The live process that owns this very server. */
function ownerOf(home: Home, server: Server): ProcessIdentity | undefined {
  const record = readIfThere(ownerFile(home.control))
  return record?.includes(`"server":${server.process.pid}}`) ? parseLiving(record) : undefined
}

function describe(home: Home, server: Server, password: string) {
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

async function inPlainWords<T>(dataDir: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw plainly(dataDir, error)
  }
}

function plainly(dataDir: string, error: unknown): unknown {
  const code = errorCode(error)
  const path = pathOf(error) ?? dataDir
  if (['EACCES', 'EPERM', 'EROFS'].includes(code)) {
    return new EmbeddedError(
      `Cannot use ${path} (${code}): make DATA_DIR writable for this user, or set it to another folder`,
      { cause: error },
    )
  }
  if (['ENOSPC', 'EDQUOT'].includes(code)) {
    return new EmbeddedError(`No space left for ${path}: free some and start again`, {
      cause: error,
    })
  }
  if (['ENOTDIR', 'EEXIST'].includes(code)) {
    return new EmbeddedError(`${path} is not a folder: set DATA_DIR to one`, { cause: error })
  }
  return error
}

function pathOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  // Of a copy, the place it was to go to.
  if ('dest' in error) return String(error.dest)
  return 'path' in error ? String(error.path) : undefined
}
