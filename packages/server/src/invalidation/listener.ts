import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import type pg from 'pg'
import { clientFor } from '../db/connect/rotating_password.ts'
import type { Database } from '../db/tenancy.ts'
import { withTimeout } from '../lib/deadline.ts'
import type { Moment } from '../lib/time/moment.ts'
import { createFreshness, type Freshness } from './freshness.ts'
import { CHANNEL, Heartbeat, type WriteNotices } from './heartbeat.ts'
import { EVERYTHING, InvalidationLog } from './log.ts'

export interface ListenerSettings {
  /** A direct DSN. Behind a pooler in transaction mode the proof fails, and nothing is cached. */
  url: string
  /** The database that requests use: the listener proves that it receives what is committed there. */
  database: Pick<Database, 'asIdentity'>
  onError(error: Error): void
  /** Called when another process announces jobs. */
  onJobs?(): void
  /** Only where a replica is read. */
  writes?: WriteNotices | undefined
}

/** Receives the invalidations that every session of the database commits, psql included. */
export interface InvalidationListener extends Freshness {
  readonly log: InvalidationLog
  /** Connects and listens until `stop`; reconnects whenever the connection is lost. */
  start(): void
  stop(): Promise<void>
  /** Tells the other processes, within 250 ms, that this one has committed background jobs. */
  announceJobs(): void
  /** How often the connection was lost or could not be opened. */
  failures(): number
  /**
   * Resolves when every invalidation committed before the call has arrived. After 50 ms it invalidates
   * everything instead, so that this process never serves a value older than its own write.
   */
  sync(): Promise<void>
}

const SYNC_MS = 50
const CONNECTION_TIMEOUT_MS = 3_000
const MAX_BACKOFF_MS = 5_000
const DISCONNECT_MS = 1_000

/** A listener on one connection of its own. It is stale until its first heartbeat returns. */
export function createInvalidationListener(settings: ListenerSettings): InvalidationListener {
  const invalidations = new InvalidationLog()
  const { heartbeatReturned, ...freshness } = createFreshness(invalidations)
  const stopped = new AbortController()
  const stop = rejectOnAbort(stopped.signal)
  let running: Promise<void> | undefined
  let heartbeat: Heartbeat | undefined
  const failures = countFailures(settings.onError)

  async function serve(client: pg.Client, current: Heartbeat): Promise<never> {
    await client.connect()
    await proveListening(client, current, settings.database)
    // Invalidations committed before LISTEN took effect were not delivered to this connection.
    missedAll(invalidations, settings.writes)
    heartbeat = current
    return current.run()
  }

  async function listen(): Promise<void> {
    const client = newClient(settings.url)
    const handlers = {
      onReturn(sentAt: Moment) {
        // A heartbeat that returns before the connection is proven says nothing about freshness.
        if (heartbeat === current) heartbeatReturned(sentAt)
      },
      onJobs: () => settings.onJobs?.(),
    }
    const current = new Heartbeat(notifier(client), handlers, settings.writes)
    client.on('notification', ({ payload = '' }) => {
      if (!current.receive(payload)) invalidations.add(payload)
    })
    try {
      await Promise.race([connectionLoss(client), stop, serve(client, current)])
    } finally {
      heartbeat = undefined
      current.stop()
      // A heartbeat that arrives while disconnecting must not make the listener fresh again.
      client.removeAllListeners('notification')
      await disconnect(client)
    }
  }

  return {
    ...freshness,
    log: invalidations,
    failures: failures.count,
    announceJobs: () => heartbeat?.announceJobs(),
    start() {
      running ??= keepListening(listen, failures.record, stopped.signal)
    },
    async stop() {
      stopped.abort()
      await running
    },
    async sync() {
      const hasReturned = await heartbeat?.roundTrip(SYNC_MS).catch(() => false)
      if (!hasReturned) invalidations.add(EVERYTHING)
    },
  }
}

function missedAll(invalidations: InvalidationLog, writes: WriteNotices | undefined): void {
  invalidations.add(EVERYTHING)
  writes?.missed()
}

function countFailures(onError: (error: Error) => void) {
  let count = 0
  return {
    count: () => count,
    record(error: Error) {
      count++
      onError(error)
    },
  }
}

async function keepListening(
  listen: () => Promise<void>,
  onError: (error: Error) => void,
  stopped: AbortSignal,
): Promise<void> {
  let backoff = 50
  while (!stopped.aborted) {
    const startedAt = performance.now()
    await listen().catch((error: Error) => {
      if (!stopped.aborted) onError(error)
    })
    const wasStable = performance.now() - startedAt > 3 * CONNECTION_TIMEOUT_MS
    backoff = wasStable ? 50 : Math.min(2 * backoff, MAX_BACKOFF_MS)
    // Jitter: when a database comes back, its nodes must not all reconnect at the same moment.
    const ms = backoff * (0.5 + Math.random() / 2)
    await sleep(ms, undefined, { signal: stopped }).catch(() => {})
  }
}

function newClient(url: string): pg.Client {
  const Client = clientFor(url)
  return new Client({
    connectionString: url,
    application_name: 'tenantry invalidation',
    connectionTimeoutMillis: CONNECTION_TIMEOUT_MS,
    query_timeout: CONNECTION_TIMEOUT_MS,
    keepAlive: true,
  })
}

// Sends one notification at a time, in order.
function notifier(client: pg.Client) {
  let last: Promise<unknown> = Promise.resolve()
  return (payload: string): Promise<unknown> => {
    const sent = last.then(() => client.query('select pg_notify($1, $2)', [CHANNEL, payload]))
    last = sent.catch(() => {})
    return sent
  }
}

// The heartbeat travels through the connection pool that requests use, and returns while this connection
// is idle. A connection to another database would return its own heartbeats and receive no invalidation;
// behind a pooler in transaction mode, it would receive notifications only while it sends queries.
async function proveListening(
  client: pg.Client,
  heartbeat: Heartbeat,
  database: ListenerSettings['database'],
): Promise<void> {
  // This function also removes notifications that every listener has read. When the queue is full,
  // nothing else does so: every COMMIT with a NOTIFY fails, even after the blocking session has ended.
  await client.query('select pg_notification_queue_usage()')
  await client.query(`listen ${CHANNEL}`)
  const notifyAsRequest = (payload: string) =>
    database.asIdentity({ deadline: 'background' }, (db) =>
      sql`select pg_notify(${CHANNEL}, ${payload})`.execute(db),
    )
  if (await heartbeat.roundTrip(CONNECTION_TIMEOUT_MS, notifyAsRequest)) return
  throw new Error('DB_LISTEN_URL does not receive notifications committed through DB_IDENTITY_URL')
}

function connectionLoss(client: pg.Client): Promise<never> {
  return new Promise((_, reject) => {
    client.on('error', reject)
    client.on('end', () => reject(new Error('the connection of the invalidation listener ended')))
  })
}

function rejectOnAbort(signal: AbortSignal): Promise<never> {
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error('stopped')), { once: true })
  })
  aborted.catch(() => {})
  return aborted
}

// A server that has stopped answering never closes the connection.
async function disconnect(client: pg.Client): Promise<void> {
  await withTimeout(
    client.end().catch(() => {}),
    DISCONNECT_MS,
  )
}
