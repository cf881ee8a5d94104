import type { Client } from 'pg'
import { errorCode } from '../../lib/file_errors.ts'
import { OperatorError } from '../../lib/operator_error.ts'
import { isDatabaseError } from '../errors.ts'
import { withClient, withDatabase } from './roles.ts'

/** What is worth knowing of a server, and of the role that looks at it. */
export interface ServerFacts {
  /** `180004` for 18.4. */
  version: number
  role: string
  /** May it make the roles and the database? */
  administrator: boolean
  /** Is there a pooler such as PgBouncer in between? */
  pooled: boolean
}

export const MINIMUM_VERSION = 15

/** Looks at a server through the DSN of `setting`. Throws an OperatorError where it cannot. */
export async function probeServer(url: string, setting: string): Promise<ServerFacts> {
  try {
    return await withClient(url, factsOf)
  } catch (error) {
    throw connectionFault(error, url, setting)
  }
}

/**
 * A DSN for the same server that can be connected to whether or not its database exists yet.
 * Throws an OperatorError where the server cannot be used at all.
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

/** Does this DSN's server take its password, whatever else stands in the way? */
export async function takesPassword(url: string): Promise<boolean> {
  try {
    await withClient(url, async () => {})
    return true
  } catch (error) {
    // The password is checked before the database and the right to connect to it are.
    if (['3D000', '42501'].includes(errorCode(error))) return true
    if (/^28/.test(errorCode(error))) return false
    throw error
  }
}

/** `localhost:5432`: where a DSN points, without anything secret. */
export function serverOf(url: string): string {
  const { hostname, port, searchParams } = new URL(url)
  return `${hostname || (searchParams.get('host') ?? 'localhost')}:${port || '5432'}`
}

/** The database a DSN names. */
export function databaseOf(url: string): string {
  return decodeURIComponent(new URL(url).pathname.slice(1))
}

/** `18.4` for 180004. */
export function versionText(version: number): string {
  return `${Math.floor(version / 10_000)}.${version % 10_000}`
}

/** In plain words, why a connection by the DSN of `setting` failed. */
export function connectionFault(error: unknown, url: string, setting: string): OperatorError {
  const message = error instanceof Error ? error.message : String(error)
  const [, words] = connectionFaults.find(([code]) => code.test(errorCode(error))) ?? []
  const { username } = new URL(url)
  const plain = (words ?? (isDatabaseError(error) ? 'PostgreSQL at SERVER says: MESSAGE' : unknown))
    .replaceAll('SERVER', serverOf(url))
    .replaceAll('DATABASE', databaseOf(url))
    .replaceAll('ROLE', decodeURIComponent(username))
    .replaceAll('MESSAGE', message)
  return new OperatorError(`${setting}: ${plain}`, { cause: error })
}

const unknown = 'cannot connect to PostgreSQL at SERVER (MESSAGE): check host, port and TLS'

const connectionFaults: [RegExp, string][] = [
  [/^ECONNREFUSED$/, 'nothing listens at SERVER: start PostgreSQL there, or correct host and port'],
  [/^(ENOTFOUND|EAI_AGAIN)$/, 'the host of SERVER is not known: correct it'],
  [/^(ETIMEDOUT|EHOSTUNREACH|ENETUNREACH)$/, 'SERVER cannot be reached: correct host and port'],
  [/^28/, 'PostgreSQL at SERVER does not let "ROLE" in (MESSAGE): correct user and password'],
  [/^3D000$/, 'there is no database "DATABASE" at SERVER: correct it, or run: tenantry setup'],
  [/^42501$/, '"ROLE" may not connect to "DATABASE" at SERVER: run: tenantry setup'],
  [/^53300$/, 'PostgreSQL at SERVER has no connection left: end some, or raise max_connections'],
  [/^57P03$/, 'PostgreSQL at SERVER is starting or stopping: try again in a moment'],
]

async function factsOf(client: Client): Promise<ServerFacts> {
  const { rows } = await client.query<ServerFacts & { pid: number }>(`
    select current_setting('server_version_num')::int as version, current_user as role,
      rolsuper or (rolcreaterole and rolcreatedb) as administrator, pg_backend_pid() as pid
    from pg_roles where rolname = current_user`)
  const [row] = rows
  if (row === undefined) throw new Error('the role has no entry in pg_roles')
  const { pid, ...facts } = row
  // A pooler hands out process ids of its own, because behind it the server process changes.
  return { ...facts, pooled: pid !== keyOf(client) }
}

// Not in the driver's types: the process id that the server announced at the start.
function keyOf(client: Client): unknown {
  return 'processID' in client ? client.processID : undefined
}
