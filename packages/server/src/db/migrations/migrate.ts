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

/** One of the two histories: the kernel's comes first, the app's builds on it. */
export interface History {
  name: 'kernel' | 'app'
  folder: string
}

export interface MigrationStatus {
  history: History['name']
  applied: string[]
  pending: string[]
  /** Applied, but not in this code: the database is ahead. */
  unknown: string[]
}

/** How often a migration asks for a table that others use, and how long it lets them be in between. */
export interface Retries {
  tries: number
  /** After the first try; twice as long after each other. */
  pauseMs: number
}

const RETRIES: Retries = { tries: 5, pauseMs: 1_000 }
const MARK = 'migrated by tenantry '

const kernelFolder = fileURLToPath(new URL('../../../migrations', import.meta.url))

/** Both histories, in the order they are applied. */
export function histories(appFolder: string): History[] {
  return [
    { name: 'kernel', folder: kernelFolder },
    { name: 'app', folder: appFolder },
  ]
}

/**
 * Applies what is pending. Two runs at once wait for each other: the second finds nothing to do.
 * Each migration is its own transaction, so a failed one leaves those before it in place. One that
 * waits too long for a table lets those who stand behind it pass, and asks again.
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
      await retrying(retries, async () => {
        await dropUnfinished(client, history.folder, pending)
        await run(client, history, 'up')
      })
      done.push(...pending.map((it) => `${history.name} ${it}`))
      // The server compares code and database at start, through the door that knows least.
      await client.query(`grant select on tenantry.${tableOf(history.name)} to tenantry_identity`)
    }
    await client.query(`comment on schema tenantry is '${MARK}${kernelVersion()}'`)
    return done
  })
}

/** Takes back the last migration of a history. For development: production goes forward only. */
export async function migrateDown(ownerUrl: string, history: History): Promise<string[]> {
  return locked(ownerUrl, (client) => run(client, history, 'down', 1))
}

/** What is applied and what is not. Changes nothing, and needs no owner. */
export async function migrationStatus(url: string, all: History[]): Promise<MigrationStatus[]> {
  return withClient(url, async (client) => {
    const statuses: MigrationStatus[] = []
    for (const history of all) statuses.push(await statusOf(client, history))
    return statuses
  })
}

/** The version of tenantry that last migrated the database; undefined where none did. */
export async function lastMigratedBy(url: string): Promise<string | undefined> {
  return withClient(url, async (client) => {
    const { rows } = await client.query<{ comment: string | null }>(
      `select obj_description(oid, 'pg_namespace') as comment
       from pg_namespace where nspname = 'tenantry'`,
    )
    const comment = rows[0]?.comment ?? ''
    return comment.startsWith(MARK) ? comment.slice(MARK.length) : undefined
  })
}

/** Why the database does not fit this code, in a sentence that says what to do; undefined if it does. */
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
    // Waiting for the other runner is the point; lock_timeout is for tables.
    await client.query('set lock_timeout = 0')
    // A runner that was killed must not keep the next one waiting for a statement of its. Where the
    // server's system cannot see that, it does.
    await client.query("set client_connection_check_interval = '1s'").catch(() => {})
    await client.query("select pg_advisory_lock(hashtext('tenantry migrate'))")
    await client.query('reset lock_timeout')
    return work(client)
  })
}

async function retrying({ tries, pauseMs }: Retries, attempt: () => Promise<void>): Promise<void> {
  for (let tried = 1; ; tried++) {
    try {
      return await attempt()
    } catch (error) {
      const busy = error instanceof OperatorError && isLockTimeout(error.cause)
      if (!busy) throw error
      const { message, cause } = error
      if (tried === tries) throw new OperatorError(`${message} (asked ${tries} times)`, { cause })
      await sleep(pauseMs * 2 ** (tried - 1))
    }
  }
}

async function run(
  client: pg.Client,
  { name, folder }: History,
  direction: 'up' | 'down',
  count?: number,
): Promise<string[]> {
  // Only now: a start that has nothing to apply need not load it.
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

// The runner's error is PostgreSQL's and does not say which migration it was.
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
    return new OperatorError(`${what}; nothing half-done was kept: migrate again`, { cause })
  }
  const { applied, pending, unknown } = status
  if (direction === 'up' && unknown.length > 0) {
    return new OperatorError(migrationFault([{ ...status, pending: [] }]) ?? '', { cause })
  }
  const name = direction === 'up' ? pending[0] : applied.at(-1)
  const remedy = isLockTimeout(cause)
    ? 'a table that it changes is in use: migrate again when it is less busy'
    : `correct it in ${history.folder} and migrate again`
  const file = `${name}.${direction}.sql`
  const left = (await isConcurrentFile(join(history.folder, file)))
    ? 'what it left is removed when it runs again'
    : 'nothing of it was kept'
  const what = `migration ${file} of the ${history.name} failed: ${cause.message}`
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
  // By the catalog, which every role may read: before the first migration the schema is closed.
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

const quiet = () => {}
const silent = { debug: quiet, info: quiet, warn: quiet, error: quiet }
