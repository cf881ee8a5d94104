import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../fixtures/free_port.ts'
import type { Program } from './program.ts'

/** A running PgBouncer in transaction mode, in front of one PostgreSQL. */
export interface PgBouncer {
  /** The same DSN through PgBouncer. */
  through(url: string): string
  /** PAUSE and RESUME: running transactions finish, later ones wait. */
  pause(): void
  resume(): void
  /** Kills it, and with it every connection. */
  kill(): Promise<void>
  /** Starts it again on the same port. */
  start(): Promise<void>
  stop(): Promise<void>
}

export interface PgBouncerSettings {
  program: Program
  /** DSNs of the users that may connect, all on the same server. */
  users: readonly string[]
  /** Connections to the server for each user. */
  poolSize: number
}

export async function startPgBouncer(settings: PgBouncerSettings): Promise<PgBouncer> {
  const folder = mkdtempSync(join(tmpdir(), 'tenantry-pgbouncer-'))
  // Under root PgBouncer runs as the user `nobody`, which must be able to read this.
  chmodSync(folder, 0o755)
  const port = await freePort()
  writeConfig(folder, port, settings)
  let running: ChildProcess | undefined
  const end = async (signal: NodeJS.Signals) => {
    if (running === undefined || running.exitCode !== null) return
    const ended = once(running, 'close')
    running.kill(signal)
    await ended
    running = undefined
  }
  const start = async () => {
    running = launch(folder, settings.program)
    await listens(port, running)
  }
  await start()
  return {
    start,
    kill: () => end('SIGKILL'),
    pause: () => void running?.kill('SIGUSR1'),
    resume: () => void running?.kill('SIGUSR2'),
    through(url) {
      const changed = new URL(url)
      changed.hostname = '127.0.0.1'
      changed.port = String(port)
      return changed.href
    },
    async stop() {
      await end('SIGKILL')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function writeConfig(folder: string, port: number, { users, poolSize }: PgBouncerSettings): void {
  const [first = ''] = users
  const { hostname, port: serverPort } = new URL(first)
  const list = users.map((it) => new URL(it)).map((it) => `"${it.username}" "${it.password}"\n`)
  writeFileSync(join(folder, 'users.txt'), list.join(''))
  writeFileSync(
    join(folder, 'pgbouncer.ini'),
    `[databases]
* = host=${hostname} port=${serverPort}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = ${join(folder, 'users.txt')}
pool_mode = transaction
default_pool_size = ${poolSize}
max_client_conn = 2000
`,
  )
}

function launch(folder: string, { path, libraries }: Program): ChildProcess {
  const asNobody = process.getuid?.() === 0 ? ['-u', 'nobody'] : []
  const running = spawn(path, ['-q', ...asNobody, join(folder, 'pgbouncer.ini')], {
    env: { LD_LIBRARY_PATH: libraries },
    stdio: 'ignore',
  })
  // An interrupted test run must not leave it behind.
  const end = () => void running.kill('SIGKILL')
  process.once('exit', end)
  running.once('close', () => process.off('exit', end))
  return running
}

async function listens(port: number, running: ChildProcess): Promise<void> {
  while (running.exitCode === null) {
    const socket = connect({ port, host: '127.0.0.1' })
    const connected = await Promise.race([
      once(socket, 'connect').then(
        () => true,
        () => false,
      ),
      sleep(1_000, false),
    ])
    socket.destroy()
    if (connected) return
    await sleep(20)
  }
  throw new Error(`PgBouncer ended with ${running.exitCode} instead of listening on ${port}`)
}
