import type { Client, QueryConfig } from 'pg'
import { errorCode } from '../../lib/file_errors.ts'
import { OperatorError } from '../../lib/operator_error.ts'
import { databaseOf, serverOf, withDatabase } from '../connect/dsn.ts'
import { withClient } from '../connect/with_client.ts'
import { isDatabaseError } from '../errors.ts'

/** Facts about a server and about the role that inspects it. */
export interface ServerFacts {
  /** `180004` for 18.4. */
  version: number
  role: string
  /** Whether it may create the roles and the database. */
  administrator: boolean
  /** Whether it is a standby, which only reads. */
  standby: boolean
  /** The encoding of the database, such as `UTF8`. */
  encoding: string
}

export const MINIMUM_VERSION = 15
/** A pooler without a free connection lets a statement wait. */
const POOLED_WAIT_MS = 5_000

/** Inspects a server through the DSN of `setting`. Throws an OperatorError if it cannot connect. */
export async function probeServer(url: string, setting: string): Promise<ServerFacts> {
  try {
    return await withClient(url, factsOf)
  } catch (error) {
    throw connectionFault(error, url, setting)
  }
}

/**
 * Whether a pooler in transaction mode, such as PgBouncer, is in between: while another connection holds a
 * transaction, it gives this one another process or none. The process id that a server announces proves
 * nothing, because providers put their own keys there. Throws an OperatorError if it cannot connect.
 */
export async function isPooled(url: string, setting: string): Promise<boolean> {
  try {
    return await withClient(url, async (client) => {
      const before = await pidOf(client)
      return withClient(url, async (other) => {
        await other.query('begin')
        await pidOf(other)
        return before !== (await pidOf(client, POOLED_WAIT_MS).catch(ignoreTimeout))
      })
    })
  } catch (error) {
    throw connectionFault(error, url, setting)
  }
}

/** What a server cannot be used for, and what to do. Undefined if nothing is wrong. */
export function encodingFault({ encoding }: Pick<ServerFacts, 'encoding'>): string | undefined {
  if (encoding === 'UTF8') return undefined
  return (
    `its encoding is ${encoding}, which cannot store every text: name a database that does not exist ` +
    'yet in the DSN, and `tenantry setup` creates it with UTF8'
  )
}

/**
 * A DSN of the same server that works even if the database of `url` does not exist yet. Throws an
 * OperatorError if it cannot connect to the server.
 */
export async function maintenanceUrl(url: string, setting: string): Promise<string> {
  for (const candidate of [url, withDatabase(url, 'postgres'), withDatabase(url, 'template1')]) {
    try {
      await withClient(candidate, async () => {})
      return candidate
    } catch (error) {
      if (errorCode(error) !== '3D000') throw connectionFault(error, url, setting)
    }
  }
  throw new OperatorError(`${setting}: the server at ${serverOf(url)} has no database postgres`)
}

/** Whether the server accepts the password of this DSN, even if it then rejects the connection. */
export async function acceptsPassword(url: string): Promise<boolean> {
  try {
    await withClient(url, async () => {})
    return true
  } catch (error) {
    // PostgreSQL checks the password before the database and the privilege to connect to it.
    if (['3D000', '42501'].includes(errorCode(error))) return true
    if (/^28/.test(errorCode(error))) return false
    throw error
  }
}

/** `18.4` for 180004. */
export function versionText(version: number): string {
  return `${Math.floor(version / 10_000)}.${version % 10_000}`
}

/** The reason why a connection to the DSN of `setting` failed, and what to do. */
export function connectionFault(error: unknown, url: string, setting: string): OperatorError {
  const message = error instanceof Error ? error.message : String(error)
  const [, known] = connectionFaults.find(([code]) => code.test(errorCode(error))) ?? []
  const { username } = new URL(url)
  const text = (known ?? (isDatabaseError(error) ? 'PostgreSQL at SERVER reports: MESSAGE' : other))
    .replaceAll('SERVER', serverOf(url))
    .replaceAll('DATABASE', databaseOf(url))
    .replaceAll('ROLE', decodeURIComponent(username))
    .replaceAll('MESSAGE', message)
  return new OperatorError(`${setting}: ${text}`, { cause: error })
}

const other = 'cannot connect to PostgreSQL at SERVER (MESSAGE): check host, port and TLS'

const connectionFaults: [RegExp, string][] = [
  [/^ECONNREFUSED$/, 'nothing listens at SERVER: start PostgreSQL there, or correct host and port'],
  [/^(ENOTFOUND|EAI_AGAIN)$/, 'the host of SERVER does not resolve: correct it'],
  [/^(ETIMEDOUT|EHOSTUNREACH|ENETUNREACH)$/, 'SERVER cannot be reached: correct host and port'],
  [/^28P01$/, 'PostgreSQL at SERVER rejects "ROLE" (MESSAGE): correct user and password'],
  [/^28/, 'PostgreSQL at SERVER rejects "ROLE" (MESSAGE): check user, TLS and pg_hba.conf'],
  [/^3D000$/, 'there is no database "DATABASE" at SERVER: correct it, or run: tenantry setup'],
  [/^42501$/, '"ROLE" may not connect to "DATABASE" at SERVER: run: tenantry setup'],
  [/^53300$/, 'PostgreSQL at SERVER has no free connection: close some, or raise max_connections'],
  [/^57P03$/, 'PostgreSQL at SERVER is starting or stopping: try again in a moment'],
]

async function factsOf(client: Client): Promise<ServerFacts> {
  const { rows } = await client.query<ServerFacts>(`
    select current_setting('server_version_num')::int as version, current_user as role,
      rolsuper or (rolcreaterole and rolcreatedb) as administrator,
      pg_is_in_recovery() as standby, current_setting('server_encoding') as encoding
    from pg_roles where rolname = current_user`)
  const [row] = rows
  if (row === undefined) throw new Error('the role has no entry in pg_roles')
  return row
}

async function pidOf(client: Client, query_timeout?: number): Promise<number | undefined> {
  const text = 'select pg_backend_pid() as pid'
  const { rows } = await client.query<{ pid: number }>({ text, query_timeout } as QueryConfig)
  return rows[0]?.pid
}

// The driver gives this error no code.
function ignoreTimeout(error: unknown): undefined {
  if (!(error instanceof Error && error.message === 'Query read timeout')) throw error
}
