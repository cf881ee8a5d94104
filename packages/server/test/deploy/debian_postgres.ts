import { execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { withClient } from '../../src/db/connect/with_client.ts'
import { freePort } from '../fixtures/free_port.ts'

const run = promisify(execFile)
const INSTALLED = '/usr/lib/postgresql'

/** A server with the client programs of its version, which the embedded server lacks. */
export interface DebianPostgres {
  /** The DSN of its superuser, to the database `postgres`. */
  adminUrl: string
  /** The folder of pg_dump and pg_restore. */
  bin: string
  stop(): Promise<void>
}

/** The programs of the newest PostgreSQL installed by Debian's packages; undefined without one. */
export function findDebianPostgres(): string | undefined {
  if (!existsSync(INSTALLED)) return undefined
  const versions = readdirSync(INSTALLED).sort((a, b) => Number(b) - Number(a))
  const folders = versions.map((version) => join(INSTALLED, version, 'bin'))
  return folders.find((it) =>
    ['initdb', 'postgres', 'pg_dump'].every((name) => existsSync(join(it, name))),
  )
}

/** Starts an empty server without fsync. */
export async function startDebianPostgres(bin: string): Promise<DebianPostgres> {
  const folder = mkdtempSync(join(tmpdir(), 'tenantry-debian-'))
  const password = randomBytes(16).toString('hex')
  writeFileSync(join(folder, 'password'), password)
  const user = await unprivileged(folder)
  const data = join(folder, 'data')
  const pwfile = `--pwfile=${join(folder, 'password')}`
  const options = ['-U', 'postgres', '--auth=scram-sha-256', '--encoding=UTF8', '--no-sync', pwfile]
  await run(join(bin, 'initdb'), ['-D', data, ...options], user)
  const port = await freePort()
  const settings = {
    port,
    fsync: 'off',
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
  }
  const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const server = spawn(join(bin, 'postgres'), ['-D', data, ...args], { ...user, stdio: 'ignore' })
  const adminUrl = `postgresql://postgres:${password}@127.0.0.1:${port}/postgres`
  await untilAnswers(adminUrl, () => server.exitCode)
  return {
    adminUrl,
    bin,
    async stop() {
      server.kill('SIGINT')
      if (server.exitCode === null) await once(server, 'close')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** PostgreSQL refuses to run as root: under root it runs as Debian's user `postgres`. */
async function unprivileged(folder: string): Promise<{ uid?: number; gid?: number }> {
  if (process.getuid?.() !== 0) return {}
  const id = async (flag: string) => Number((await run('id', [flag, 'postgres'])).stdout)
  const [uid, gid] = [await id('-u'), await id('-g')]
  chmodSync(folder, 0o755)
  for (const path of [folder, join(folder, 'password')]) chownSync(path, uid, gid)
  return { uid, gid }
}

async function untilAnswers(url: string, exitCode: () => number | null): Promise<void> {
  for (;;) {
    if (exitCode() !== null) throw new Error(`PostgreSQL ended with ${exitCode()}`)
    const answered = await withClient(url, async () => true).catch(() => false)
    if (answered) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}
