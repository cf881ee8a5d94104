import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { withDatabase } from '../../src/db/connect/dsn.ts'
import { withClient } from '../../src/db/connect/with_client.ts'
import { type EmbeddedPostgres, startEmbedded } from '../../src/db/embedded/embedded.ts'
import { histories, migrateUp } from '../../src/db/migrations/migrate.ts'
import { derivedPasswords } from '../../src/db/provisioning/passwords.ts'
import { provisionDatabase } from '../../src/db/provisioning/provision.ts'
import type { RoleUrls } from '../../src/db/provisioning/roles.ts'
import { appMigrations } from '../fixtures/databases.ts'

/** A PostgreSQL server with a migrated database, and a streaming replica of it. */
export interface PrimaryAndStandby {
  urls: RoleUrls & { admin: string }
  /** The DSN of a role's database on the standby. */
  onStandby(url: string): string
  /** SQL of the superuser on the standby. */
  askStandby(sql: string): Promise<Record<string, unknown>[]>
  /** Suspends or resumes all processes of the standby, as a machine that hangs. */
  freezeStandby(isFrozen: boolean): void
  stopStandby(): Promise<void>
  stop(): Promise<void>
}

const DATABASE = 'replicated'

export async function startPrimaryAndStandby(): Promise<PrimaryAndStandby> {
  const folder = openFolder()
  const primary = await startEmbedded({ dataDir: join(folder, 'primary'), ephemeral: true })
  const { adminUrl } = primary
  const passwords = derivedPasswords(adminUrl)
  const urls = await provisionDatabase({ adminUrl, database: DATABASE, passwords })
  await migrateUp(urls.owner, histories(appMigrations))
  const admin = withDatabase(adminUrl, DATABASE)
  await copyWhileRunning(primary, join(folder, 'standby/postgres'))
  const standby = await startEmbedded({ dataDir: join(folder, 'standby'), ephemeral: true })
  const onStandby = (url: string) => withPort(url, standby.port)
  return {
    urls: { ...urls, admin },
    onStandby,
    askStandby: (sql) => withClient(onStandby(admin), async (it) => (await it.query(sql)).rows),
    freezeStandby: (isFrozen) => signalAll(standby, isFrozen ? 'STOP' : 'CONT'),
    stopStandby: () => standby.stop(),
    async stop() {
      await standby.stop()
      await primary.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

// The user that PostgreSQL runs as, if this process is root, has to reach the clusters.
function openFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tenantry-replica-'))
  chmodSync(folder, 0o755)
  return folder
}

async function copyWhileRunning(primary: EmbeddedPostgres, control: string): Promise<void> {
  const { adminUrl, dataFolder, port } = primary
  const cluster = join(control, 'cluster')
  execFileSync('mkdir', ['-p', '-m', '755', control])
  chmodSync(join(control, '..'), 0o755)
  const { password } = new URL(adminUrl)
  const label = await withClient(adminUrl, async (client) => {
    await client.query("select pg_backup_start('standby', true)")
    execFileSync('cp', ['-a', dataFolder, cluster])
    const { rows } = await client.query<{ labelfile: string }>(
      'select labelfile from pg_backup_stop(false)',
    )
    return rows[0]?.labelfile ?? ''
  })
  rmSync(join(cluster, 'postmaster.pid'))
  writeFileSync(join(control, 'password'), password, { mode: 0o600 })
  const source = `host=127.0.0.1 port=${port} user=postgres password=${password}`
  const files = {
    backup_label: label,
    'standby.signal': '',
    'postgresql.auto.conf': `primary_conninfo = '${source}'\n`,
  }
  const { uid, gid } = statSync(cluster)
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(join(cluster, name), content)
    chownSync(join(cluster, name), uid, gid)
  }
}

function withPort(url: string, port: number): string {
  return Object.assign(new URL(url), { port: String(port) }).href
}

function signalAll({ dataFolder }: EmbeddedPostgres, signal: 'STOP' | 'CONT'): void {
  const pid = readFileSync(join(dataFolder, 'postmaster.pid'), 'utf8').split('\n')[0] ?? ''
  const children = execFileSync('ps', ['-o', 'pid=', '--ppid', pid], { encoding: 'utf8' })
  for (const it of [pid, ...children.trim().split(/\s+/)]) process.kill(Number(it), `SIG${signal}`)
}
