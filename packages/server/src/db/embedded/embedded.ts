import { spawn } from 'node:child_process'
import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { errorCode, explainFileErrors } from '../../lib/file_errors.ts'
import { OperatorError } from '../../lib/operator_error.ts'
import { clientFor } from '../connect/rotating_password.ts'
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

/** A running embedded PostgreSQL. */
export interface EmbeddedPostgres {
  /** The DSN of the superuser. */
  adminUrl: string
  /** The folder of the cluster, which may be outside DATA_DIR. */
  dataFolder: string
  port: number
  /** Another live process owns the server: `stop` leaves it running, and it stops with its owner. */
  attached: boolean
  /** Disconnects all clients and stops the server. The files of an ephemeral server are deleted too. */
  stop(): Promise<void>
}

export interface EmbeddedOptions {
  dataDir: string
  /** For tests: not durable, stops with the process that started it, and `stop` deletes its files. */
  ephemeral?: boolean
  maxConnections?: number
  /** The memory of the server's cache. The default suits a small machine. */
  sharedBuffers?: string
}

/** The state of a cluster. */
interface Found {
  server: Server | undefined
  /** The live process that owns the server. */
  owner: ProcessIdentity | undefined
  usable: boolean
}

const START_LOCK_TIMEOUT_MS = 150_000
const STOP_LOCK_TIMEOUT_MS = 10_000
/** Time for an owner that is exiting, a server that restarts, or processes that a crash left behind. */
const UNSETTLED_TIMEOUT_MS = 15_000

/** Attaches to the server of this DATA_DIR, adopts it if its owner has died, or starts it. */
export async function startEmbedded(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const { dataDir, ephemeral = false, sharedBuffers = '64MB' } = options
  const { maxConnections = ephemeral ? 300 : 100 } = options
  return explainFileErrors(dataDir, () =>
    locked(makeControlFolder(dataDir), async (control) => {
      const folder = openDataFolder(control, ephemeral)
      return attachOrOwn(folder, { ephemeral, maxConnections, sharedBuffers })
    }),
  )
}

/** Deletes the database of this DATA_DIR. Throws an OperatorError while a live process uses it. */
export async function removeEmbedded(dataDir: string): Promise<void> {
  const folder = controlFolder(dataDir)
  if (!existsSync(folder)) return
  await explainFileErrors(dataDir, () => locked(folder, removeDatabase))
}

async function locked<T>(control: string, work: (control: string) => Promise<T>): Promise<T> {
  const release = await acquireLock(lockFile(control), START_LOCK_TIMEOUT_MS)
  if (!release) {
    const holder = parseLiving(readIfThere(lockFile(control)))?.pid ?? 'unknown'
    throw new OperatorError(
      `process ${holder} has been starting or stopping the database in ${control} for ` +
        `${START_LOCK_TIMEOUT_MS / 1000} s: end it and try again`,
    )
  }
  try {
    return await work(control)
  } finally {
    release()
  }
}

async function attachOrOwn(folder: DataFolder, options: ServerOptions): Promise<EmbeddedPostgres> {
  const until = Date.now() + UNSETTLED_TIMEOUT_MS
  const password = readPassword(folder)
  for (;;) {
    const found = await inspect(folder, password)
    const database = found.owner
      ? attach(folder, found, required(folder, password))
      : await own(folder, found, required(folder, password), options)
    if (database) return database
    if (Date.now() > until) throw unusable(folder, found.owner)
    await sleep(200)
  }
}

async function inspect(folder: DataFolder, password: string | undefined): Promise<Found> {
  const server = await settledServer(folder.cluster)
  const owner = server && ownerOf(folder, server)
  const usable = server !== undefined && (await accepts(server, password)) === true
  return { server, owner, usable }
}

function required(folder: DataFolder, password: string | undefined): string {
  if (password) return password
  throw new OperatorError(
    `the database in ${folder.cluster} cannot be opened: ${join(folder.control, 'password')} is missing. ` +
      'restore that file, or set another DATA_DIR to begin with an empty database',
  )
}

/** True, or why the server is not usable with this password. */
async function accepts(
  server: Server,
  password: string | undefined,
  waitMs = 5_000,
): Promise<unknown> {
  if (!password) return false
  const url = adminUrl(server, password)
  const Client = clientFor(url)
  const client = new Client({
    connectionString: url,
    connectionTimeoutMillis: waitMs,
    query_timeout: waitMs,
  })
  client.on('error', () => {})
  try {
    await client.connect()
    const { rows } = await client.query<{ pid: string }>(
      String.raw`select split_part(pg_read_file('postmaster.pid'), E'\n', 1) as pid`,
    )
    return Number(rows[0]?.pid) === server.process.pid
  } catch (error) {
    return error
  } finally {
    // A frozen server never closes the connection.
    await Promise.race([client.end().catch(() => {}), sleep(1_000, undefined, { ref: false })])
  }
}

function unusable(folder: DataFolder, owner: ProcessIdentity | undefined): OperatorError {
  if (!owner) {
    return new OperatorError(
      `processes of an earlier PostgreSQL still use ${folder.cluster}: end them and start again`,
    )
  }
  return new OperatorError(
    `PostgreSQL in ${folder.cluster} does not respond, and process ${owner.pid}, which owns it, is ` +
      'still running: end that process and start again',
  )
}

function attach(folder: DataFolder, { server, usable }: Found, password: string) {
  if (!server || !usable) return undefined
  return { ...describe(folder, server, password), attached: true, stop: async () => {} }
}

async function own(
  folder: DataFolder,
  { server: orphan, usable }: Found,
  password: string,
  options: ServerOptions,
): Promise<EmbeddedPostgres | undefined> {
  // The guard of an ephemeral server stops it when its owner dies: it cannot be adopted.
  const adopted = usable && !options.ephemeral ? orphan : undefined
  if (orphan && !adopted) await stopServer(orphan.process)
  const server = adopted ?? (await launch(folder, password, options))
  return server && takeOver(folder, server, password, options.ephemeral)
}

async function takeOver(folder: DataFolder, server: Server, password: string, ephemeral: boolean) {
  const claim = JSON.stringify({ ...ownIdentity(), server: server.process.pid })
  try {
    // It is running: on a busy machine it may be slow to answer.
    const accepted = await accepts(server, password, 30_000)
    if (accepted !== true) throw notUsable(folder, accepted)
    writeFileSync(join(folder.control, 'port'), `${server.port}\n`)
    writeFileSync(ownerFile(folder.control), claim)
  } catch (error) {
    await stopServer(server.process)
    throw error
  }
  const dismissGuard = ephemeral ? startGuard(server, folder.user) : () => {}
  let stopped: Promise<void> | undefined
  const stop = () => {
    dismissGuard()
    stopped ??= disown(folder, server, claim, ephemeral)
    return stopped
  }
  return { ...describe(folder, server, password), attached: false, stop }
}

function notUsable(folder: DataFolder, reason: unknown): OperatorError {
  const what =
    errorCode(reason) === '28P01'
      ? `rejects the password in ${join(folder.control, 'password')}: restore that file`
      : `started but cannot be used (${reason instanceof Error ? reason.message : 'another server answers'}): ` +
        `see ${join(folder.control, 'server.log')}`
  return new OperatorError(`the database in ${folder.cluster} ${what}`, { cause: reason })
}

/** Holds the lock, so that no other process adopts a server that is about to stop. */
async function disown(folder: DataFolder, server: Server, claim: string, ephemeral: boolean) {
  const release = await acquireLock(lockFile(folder.control), STOP_LOCK_TIMEOUT_MS).catch(
    () => undefined,
  )
  try {
    const isOwner = readIfThere(ownerFile(folder.control)) === claim
    if (isOwner) rmSync(ownerFile(folder.control), { force: true })
    await stopServer(server.process)
    if (isOwner && ephemeral && release) await removeFiles(folder)
  } finally {
    release?.()
  }
}

/** A process that stops the server when this process ends, even by `kill -9`: its pipe closes then. */
function startGuard(server: Server, user: SystemUser | undefined): () => void {
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

async function removeDatabase(control: string): Promise<void> {
  const folder = findDataFolder(control)
  const server = folder && findServer(folder.cluster)
  const owner = folder && server && ownerOf(folder, server)
  if (owner) {
    throw new OperatorError(
      `the database in ${folder.cluster} is in use by process ${owner.pid}: stop that first`,
    )
  }
  if (server) await stopServer(server.process)
  await removeFiles(folder ?? { control, files: control })
}

/** Keeps the control folder and the lock: other processes may be waiting for it. */
async function removeFiles({
  control,
  files,
}: Pick<DataFolder, 'control' | 'files'>): Promise<void> {
  if (files !== control) await rm(files, { recursive: true, force: true })
  for (const name of readdirSync(control).filter((name) => !name.startsWith('lock'))) {
    await rm(join(control, name), { recursive: true, force: true })
  }
}

/** The live process that owns this server, and not an earlier server of the same cluster. */
function ownerOf(folder: DataFolder, server: Server): ProcessIdentity | undefined {
  const record = readIfThere(ownerFile(folder.control))
  return record?.includes(`"server":${server.process.pid}}`) ? parseLiving(record) : undefined
}

function describe(folder: DataFolder, server: Server, password: string) {
  return {
    adminUrl: adminUrl(server, password),
    dataFolder: folder.cluster,
    port: server.port,
  }
}

function adminUrl({ port }: Server, password: string): string {
  // The server has no TLS. Without this, PGSSLMODE in the environment could ask for it.
  return `postgresql://postgres:${password}@127.0.0.1:${port}/postgres?sslmode=disable`
}

function lockFile(control: string): string {
  return join(control, 'lock')
}

function ownerFile(control: string): string {
  return join(control, 'owner.json')
}
