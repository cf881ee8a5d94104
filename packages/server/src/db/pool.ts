import pg from 'pg'
import { limitSession, type Settings } from './provisioning/role_settings.ts'
import { clientFor } from './rotating_password.ts'

export interface PoolSettings {
  url: string
  max: number
  /** How long a caller waits for a connection, in milliseconds, before it is told 503. */
  waitMs: number
  /** Client-side limit for one query, in milliseconds: above the server's statement_timeout. */
  queryTimeoutMs: number
  pipeline: boolean
  name: string
  /** Settings that every connection begins with. */
  limits: Settings
  onError(error: Error): void
}

// RFC 3339 in UTC, the form replies carry; parsing into Date and back is work for nothing.
const types = {
  getTypeParser(oid: number, format?: 'text' | 'binary') {
    if (oid === pg.types.builtins.TIMESTAMPTZ && format !== 'binary') return isoTimestamp
    if (oid === pg.types.builtins.DATE && format !== 'binary') return (text: string) => text
    return pg.types.getTypeParser(oid, format)
  },
}

/** A bounded pool. Waiting is bounded too: a full or unreachable server fails within `waitMs`. */
export function createPool(settings: PoolSettings): pg.Pool {
  const pool = new pg.Pool({
    Client: clientFor(settings.url),
    connectionString: settings.url,
    application_name: settings.name,
    max: settings.max,
    connectionTimeoutMillis: settings.waitMs,
    idleTimeoutMillis: 30_000,
    query_timeout: settings.queryTimeoutMs,
    keepAlive: true,
    pipeline: settings.pipeline,
    types,
    onConnect: (client) => limitSession(client, settings.limits, settings.waitMs),
  })
  // Without a listener, a terminated backend would end the process: the pool listens to idle ones
  // only, and who has borrowed one hears of it by the next query.
  pool.on('error', (error) => {
    // The pool hangs the client with all its innards on it, and errors are logged.
    Reflect.deleteProperty(error, 'client')
    settings.onError(error)
  })
  pool.on('connect', (client) => client.on('error', () => {}))
  return pool
}

// What PostgreSQL writes in UTC lacks little to be it.
const IN_UTC = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?\+00$/

/** What PostgreSQL writes for a timestamptz, as RFC 3339 in UTC with milliseconds. */
export function isoTimestamp(text: string): string {
  const [, date, time, fraction = ''] = IN_UTC.exec(text) ?? []
  if (date === undefined) return new Date(text).toISOString()
  return `${date}T${time}.${fraction.slice(0, 3).padEnd(3, '0')}Z`
}
