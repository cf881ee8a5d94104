import pg from 'pg'
import { clientFor } from './connect/rotating_password.ts'
import { limitSession } from './provisioning/role_settings.ts'
import type { Settings } from './provisioning/roles.ts'

export interface PoolSettings {
  url: string
  max: number
  /** How long a caller waits for a connection, in milliseconds, before it gets 503. */
  waitMs: number
  /** Client-side limit for one query, in milliseconds: above the server's statement_timeout. */
  queryTimeoutMs: number
  pipeline: boolean
  name: string
  /** Settings that every connection starts with. */
  limits: Settings
  onError(error: Error): void
}

// Timestamps as RFC 3339 in UTC, as replies show them. Parsing into Date and back would be wasted work.
const types = {
  getTypeParser(oid: number, format?: 'text' | 'binary') {
    if (oid === pg.types.builtins.TIMESTAMPTZ && format !== 'binary') return isoTimestamp
    if (oid === pg.types.builtins.DATE && format !== 'binary') return (text: string) => text
    return pg.types.getTypeParser(oid, format)
  },
}

/** A bounded pool. A full or unreachable server fails a caller within `waitMs`. */
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
  // Without a listener, the error of a terminated backend would end the process. The pool listens only
  // while a connection is idle; the user of an acquired one gets the error from its next query.
  pool.on('error', (error) => {
    // The pool attaches the whole client to the error, which would be logged with it.
    Reflect.deleteProperty(error, 'client')
    settings.onError(error)
  })
  pool.on('connect', (client) => client.on('error', () => {}))
  return pool
}

// PostgreSQL's format of a time in UTC: only the separator and the offset differ from RFC 3339.
const IN_UTC = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?\+00$/

/** Converts PostgreSQL's text of a timestamptz to RFC 3339 in UTC with milliseconds. */
export function isoTimestamp(text: string): string {
  const [, date, time, fraction = ''] = IN_UTC.exec(text) ?? []
  if (date === undefined) return new Date(text).toISOString()
  return `${date}T${time}.${fraction.slice(0, 3).padEnd(3, '0')}Z`
}
