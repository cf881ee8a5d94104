import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import type pg from 'pg'
import { clientFor } from '../db/rotating_password.ts'
import type { Database } from '../db/tenancy.ts'
import { CHANNEL, elapsedMs, Heartbeat, type Moment, ReusableMoment } from './heartbeat.ts'
import { EVERYTHING, InvalidationLog } from './log.ts'

export interface ListenerSettings {
  /** A direct DSN: behind a pooler in transaction mode it is never believed, and nothing is cached. */
  url: string
  /** What requests read through: the feed must hear what is committed there. */
  database: Pick<Database, 'asIdentity'>
  onError(error: Error): void
}

/** What this process hears of changes that any process, or a person in psql, commits. */
export interface InvalidationListener {
  readonly log: InvalidationLog
  /** Begins to listen, and goes on until `stop`, however often the connection is lost. */
  start(): void
  stop(): Promise<void>
  /** Has all arrived that was committed until a second ago? To be asked at the moment of use: `now`. */
  isFresh(now?: Moment): boolean
  /** How often its connection was lost or could not be made. */
  failures(): number
  /** Milliseconds since the last beat that has returned was sent; Infinity before the first. */
  age(now?: Moment): number
  /**
   * Resolves when all has arrived that is committed now. Waits 50 ms at most; where that is not
   * enough, all that is known is forgotten, so that this process at least serves nothing older.
   */
  sync(): Promise<void>
}

/** A cached answer is used while no more than this can have been missed, in milliseconds. */
export const MAX_AGE_MS = 1_000

const CATCH_UP_MS = 50
const PATIENCE_MS = 3_000
const MAX_BACKOFF_MS = 5_000

/** A feed over one connection of its own. It is stale until it is started and beats return. */
export function createInvalidationListener(settings: ListenerSettings): InvalidationListener {
  const invalidations = new InvalidationLog()
  const stopped = new AbortController()
  const stop = abortOf(stopped.signal)
  let running: Promise<void> | undefined
  let beats: Heartbeat | undefined
  let lastBeat: Moment | undefined
  const clocks = new ReusableMoment()
  const failed = counted(settings.onError)
  const age = (now = clocks.read()) =>
    lastBeat === undefined ? Number.POSITIVE_INFINITY : elapsedMs(lastBeat, now)

  async function beOn(client: pg.Client, current: Heartbeat): Promise<never> {
    await client.connect()
    await proveListening(client, current, settings.database)
    // What was committed while nobody listened was told to nobody.
    invalidations.add(EVERYTHING)
    beats = current
    return current.run()
  }

  async function listen(): Promise<void> {
    const client = newClient(settings.url)
    const current = new Heartbeat(notifier(client), (sentAt) => {
      // Beats from before all is proven say nothing.
      if (beats === current) lastBeat = sentAt
    })
    client.on('notification', ({ payload = '' }) => {
      if (!current.receive(payload)) invalidations.add(payload)
    })
    try {
      await Promise.race([lossOf(client), stop, beOn(client, current)])
    } finally {
      beats = undefined
      current.stop()
      // From here on it hears nothing, and can prove nothing.
      client.removeAllListeners('notification')
      await disconnect(client)
    }
  }

  return {
    log: invalidations,
    age,
    failures: failed.times,
    isFresh: (now) => age(now) <= MAX_AGE_MS,
    start() {
      running ??= keepTrying(listen, failed.tell, stopped.signal)
    },
    async stop() {
      stopped.abort()
      await running
    },
    async sync() {
      const caughtUp = await beats?.roundTrip(CATCH_UP_MS).catch(() => false)
      if (!caughtUp) invalidations.add(EVERYTHING)
    },
  }
}

function counted(onError: (error: Error) => void) {
  let times = 0
  return {
    times: () => times,
    tell(error: Error) {
      times++
      onError(error)
    },
  }
}

async function keepTrying(
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
    const lasted = performance.now() - startedAt > 3 * PATIENCE_MS
    backoff = lasted ? 50 : Math.min(2 * backoff, MAX_BACKOFF_MS)
    // Not all nodes at once, where a database came back.
    const ms = backoff * (0.5 + Math.random() / 2)
    await sleep(ms, undefined, { signal: stopped }).catch(() => {})
  }
}

function newClient(url: string): pg.Client {
  const Client = clientFor(url)
  return new Client({
    connectionString: url,
    application_name: 'tenantry invalidation',
    connectionTimeoutMillis: PATIENCE_MS,
    query_timeout: PATIENCE_MS,
    keepAlive: true,
  })
}

// One at a time, in order.
function notifier(client: pg.Client) {
  let last: Promise<unknown> = Promise.resolve()
  return (payload: string): Promise<unknown> => {
    const sent = last.then(() => client.query('select pg_notify($1, $2)', [CHANNEL, payload]))
    last = sent.catch(() => {})
    return sent
  }
}

// By the requests' own door, and while the connection is idle: to another database it would beat, and
// hear of nothing; through a pooler in transaction mode it would hear only what its own queries bring.
async function proveListening(
  client: pg.Client,
  beats: Heartbeat,
  database: ListenerSettings['database'],
): Promise<void> {
  // To ask also clears away what all have read. From a queue that is full nothing else does: whoever
  // jammed it may be gone, and still no COMMIT could announce anything.
  await client.query('select pg_notification_queue_usage()')
  await client.query(`listen ${CHANNEL}`)
  const throughDoor = (payload: string) =>
    database.asIdentity((db) => sql`select pg_notify(${CHANNEL}, ${payload})`.execute(db))
  if (await beats.roundTrip(PATIENCE_MS, throughDoor)) return
  throw new Error('DB_LISTEN_URL hears nothing of what is committed through DB_IDENTITY_URL')
}

function lossOf(client: pg.Client): Promise<never> {
  return new Promise((_, reject) => {
    client.on('error', reject)
    client.on('end', () => reject(new Error('the connection of the feed ended')))
  })
}

function abortOf(signal: AbortSignal): Promise<never> {
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error('stopped')), { once: true })
  })
  aborted.catch(() => {})
  return aborted
}

async function disconnect(client: pg.Client): Promise<void> {
  const late = sleep(1_000, undefined, { ref: false })
  await Promise.race([client.end().catch(() => {}), late])
}
