import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type pg from 'pg'
import { kernelVersion } from '../../lib/kernel_version.ts'
import { OperatorError } from '../../lib/operator_error.ts'
import { withClient } from '../connect/with_client.ts'
import { isDatabaseError } from '../errors.ts'
import { assertRepeatable, dropUnfinished, isConcurrentFile } from './concurrent_indexes.ts'
import { assertDataMigrations } from './data_migrations.ts'
import { loadMigrations } from './load.ts'

/** One of the two histories of migrations. The app's is applied after the kernel's. */
export interface History {
  name: 'kernel' | 'app'
  folder: string
}

export interface MigrationStatus {
  history: History['name']
  applied: string[]
  pending: string[]
  /** Applied, but missing in this code: the database is ahead. */
  unknown: string[]
}

/** How often a migration tries to lock a table that is in use, and how long it pauses in between. */
export interface Retries {
  tries: number
  /** The pause after the first try. It doubles after each further one. */
  pauseMs: number
}

const RETRIES: Retries = { tries: 5, pauseMs: 1_000 }
const COMMENT_PREFIX = 'migrated by tenantry '

const kernelFolder = fileURLToPath(new URL('../../../migrations', import.meta.url))

/** Both histories, in the order they are applied. */
export function histories(appFolder: string): History[] {
  return [
    { name: 'kernel', folder: kernelFolder },
    { name: 'app', folder: appFolder },
  ]
}

/**
 * Applies the pending migrations. Of two concurrent runs the second waits, and then finds nothing to do.
 * Each migration is a transaction of its own, so the ones before a failed one stay applied. A migration
 * that waits too long for a lock gives up, lets the queries queued behind it run, and tries again.
 */
export async function migrateUp(
  ownerUrl: string,
  all: History[],
  retries = RETRIES,
): Promise<string[]> {
  return locked(ownerUrl, async (client) => {
    const done: string[] = []
    for (const history of all) {
      const { pending } = await statusOf(client, history)
      await assertRepeatable(history.folder, pending)
      await assertDataMigrations(client, history.folder, pending)
      await withRetries(retries, async () => {
        await dropUnfinished(client, history.folder, pending)
        await run(client, history, 'up')
      })
      done.push(...pending.map((it) => `${history.name} ${it}`))
      // At the start a server compares code and database as the identity role.
      await client.query(`grant select on tenantry.${tableOf(history.name)} to tenantry_identity`)
    }
    await client.query(`comment on schema tenantry is '${COMMENT_PREFIX}${kernelVersion()}'`)
    return done
  })
}

/** Reverts the last migration of a history. For development only: production goes forward. */
export async function migrateDown(ownerUrl: string, history: History): Promise<string[]> {
  return locked(ownerUrl, (client) => run(client, history, 'down', 1))
}

/** The applied and pending migrations. Changes nothing, and does not need the owner. */
export async function migrationStatus(url: string, all: History[]): Promise<MigrationStatus[]> {
  return withClient(url, async (client) => {
    const statuses: MigrationStatus[] = []
    for (const history of all) statuses.push(await statusOf(client, history))
    return statuses
  })
}

/** The version of tenantry that last migrated the database. Undefined if none has. */
export async function lastMigratedBy(url: string): Promise<string | undefined> {
  return withClient(url, async (client) => {
    const { rows } = await client.query<{ comment: string | null }>(
      `select obj_description(oid, 'pg_namespace') as comment
       from pg_namespace where nspname = 'tenantry'`,
    )
    const comment = rows[0]?.comment ?? ''
    return comment.startsWith(COMMENT_PREFIX) ? comment.slice(COMMENT_PREFIX.length) : undefined
  })
}

/** How the database differs from this code, and what to do. Undefined if it does not differ. */
export function migrationFault(statuses: MigrationStatus[]): string | undefined {
  const pending = statuses.flatMap((it) => it.pending)
  const unknown = statuses.flatMap((it) => it.unknown)
  if (unknown.length > 0) {
    return `the database is ahead of this code (it has ${unknown.join(', ')}); deploy the newer code`
  }
  if (pending.length > 0) {
    return `the database is behind this code (missing ${pending.join(', ')}); run: tenantry migrate up`
  }
  return undefined
}

async function locked<T>(ownerUrl: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  return withClient(ownerUrl, async (client) => {
    // Wait for another runner without a limit: lock_timeout is meant for tables.
    await client.query('set lock_timeout = 0')
    // If a runner was killed, the server cancels its statement, so that the next runner need not wait
    // for it. Not every operating system of a server supports this.
    await client.query("set client_connection_check_interval = '1s'").catch(() => {})
    await client.query("select pg_advisory_lock(hashtext('tenantry migrate'))")
    await client.query('reset lock_timeout')
    return work(client)
  })
}

async function withRetries(
  { tries, pauseMs }: Retries,
  attempt: () => Promise<void>,
): Promise<void> {
  for (let attempts = 1; ; attempts++) {
    try {
      return await attempt()
    } catch (error) {
      const busy = error instanceof OperatorError && isLockTimeout(error.cause)
      if (!busy) throw error
      const { message, cause } = error
      if (attempts === tries)
        throw new OperatorError(`${message} (tried ${tries} times)`, { cause })
      await sleep(pauseMs * 2 ** (attempts - 1))
    }
  }
}

async function run(
  client: pg.Client,
  { name, folder }: History,
  direction: 'up' | 'down',
  count?: number,
): Promise<string[]> {
  // Loaded on demand: most starts have nothing to apply.
  const { runner } = await import('node-pg-migrate')
  const done = await runner({
    dbClient: client,
    dir: folder,
    schema: ['public'],
    migrationsSchema: 'tenantry',
    migrationsTable: tableOf(name),
    migrationLoaderStrategies: [{ extensions: ['.sql'], loader: loadMigrations }],
    direction,
    ...(count === undefined ? {} : { count }),
    noLock: true,
    singleTransaction: false,
    logger: silent,
  }).catch(async (error: unknown) => {
    throw await failure(client, error, { name, folder }, direction)
  })
  return done.map((it) => `${name} ${it.name}`)
}

// The runner throws PostgreSQL's error, which does not name the migration.
async function failure(
  client: pg.Client,
  cause: unknown,
  history: History,
  direction: 'up' | 'down',
): Promise<unknown> {
  if (!(cause instanceof Error)) return cause
  const status = await statusAfterRollback(client, history).catch(() => undefined)
  if (status === undefined) {
    const what = `the connection was lost while migrating (${cause.message})`
    return new OperatorError(
      `${what}; the server rolls back what was not committed: migrate again`,
      { cause },
    )
  }
  const { applied, pending, unknown } = status
  if (direction === 'up' && unknown.length > 0) {
    return new OperatorError(migrationFault([{ ...status, pending: [] }]) ?? '', { cause })
  }
  const name = direction === 'up' ? pending[0] : applied.at(-1)
  const remedy = isLockTimeout(cause)
    ? 'a table that it changes is in use: migrate again when there is less load'
    : `correct it in ${history.folder} and migrate again`
  const file = `${name}.${direction}.sql`
  const left = (await isConcurrentFile(join(history.folder, file)))
    ? 'the next run removes what it has left'
    : 'it was rolled back'
  const hint = isDatabaseError(cause) && cause.hint ? ` (${cause.hint})` : ''
  const what = `migration ${file} of the ${history.name} failed: ${cause.message}${hint}`
  return new OperatorError(`${what}; ${left}: ${remedy}`, { cause })
}

async function statusAfterRollback(client: pg.Client, history: History): Promise<MigrationStatus> {
  await client.query('rollback')
  return statusOf(client, history)
}

function isLockTimeout(error: unknown): boolean {
  return isDatabaseError(error) && error.code === '55P03'
}

async function statusOf(client: pg.Client, history: History): Promise<MigrationStatus> {
  const known = await knownMigrations(history.folder)
  const applied = await appliedMigrations(client, tableOf(history.name))
  return {
    history: history.name,
    applied,
    pending: known.filter((it) => !applied.includes(it)),
    unknown: applied.filter((it) => !known.includes(it)),
  }
}

/** The names of the migrations in a folder, in order: `0001_projects`. */
export async function knownMigrations(folder: string): Promise<string[]> {
  const files = await readdir(folder).catch(() => [])
  return files
    .filter((it) => it.endsWith('.up.sql'))
    .map((it) => it.slice(0, -'.up.sql'.length))
    .sort()
}

async function appliedMigrations(client: pg.Client, table: string): Promise<string[]> {
  // Look in the catalog, which every role may read: before the first migration no role may use the schema.
  const { rowCount } = await client.query(
    `select from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = 'tenantry' and c.relname = $1 and has_table_privilege(c.oid, 'select')`,
    [table],
  )
  if (rowCount === 0) return []
  const { rows } = await client.query<{ name: string }>(
    `select name from tenantry.${table} order by id`,
  )
  return rows.map((it) => it.name)
}

function tableOf(name: History['name']): string {
  return `${name}_migrations`
}

const ignore = () => {}
const silent = { debug: ignore, info: ignore, warn: ignore, error: ignore }
