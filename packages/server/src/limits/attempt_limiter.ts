import { createHmac } from 'node:crypto'
import { sql } from 'kysely'
import type { Database, WaitLimit } from '../db/tenancy.ts'
import type { KeyRing, Keys } from '../lib/keys.ts'
import { rateLimited } from './rate_limit_error.ts'

/** A fact that the limiter remembers for a window. Stored only as a keyed hash. */
export interface Marker {
  /** The kind, such as `signin account`. Part of the key; clients see it as the name of the policy. */
  name: string
  /** What it is about: an e-mail, an address, or several of these together. */
  subject: readonly string[]
  windowSeconds: number
}

/** How many attempts a subject may make in a window. */
export interface AttemptLimit extends Marker {
  limit: number
}

/** One attempt, counted in each of its limits. */
export interface Reservation {
  /** Uncounts the attempt: only failures count. Remembers `marker` in the same statement, if given. */
  refund(marker?: Marker): Promise<void>
}

/** Limits that replace the usual ones while `marker` is remembered. */
export interface Override {
  marker: Marker
  limits: AttemptLimit[]
}

/** Counts attempts in the database, so that all nodes share the counters. */
export interface AttemptLimiter {
  /**
   * Counts one attempt in each limit before the work is done: in all of them or in none, so that a
   * client that has exhausted one limit cannot go on exhausting the others. Throws 429 if one is
   * exhausted.
   */
  reserve(deadline: WaitLimit, limits: AttemptLimit[], override?: Override): Promise<Reservation>
  /** The same for background work, without a deadline. Returns undefined if a limit is exhausted. */
  tryReserve(limits: AttemptLimit[]): Promise<Reservation | undefined>
  /** Remembers a marker from now on, for its window. */
  remember(marker: Marker): Promise<void>
  /** Whether a marker is remembered. */
  isRemembered(marker: Marker): Promise<boolean>
  /** Resets the counters of these limits. */
  reset(limits: AttemptLimit[]): Promise<void>
  /** Deletes expired counters and markers. */
  purge(): Promise<void>
}

const PURGE_ROWS = 1_000

export function createAttemptLimiter(
  database: Database,
  keys: KeyRing,
  enabled: boolean,
): AttemptLimiter {
  if (!enabled) return unlimited
  const { key } = countingKeys(keys)
  // JSON, so that an e-mail chosen by a client cannot collide with another subject's key.
  const keyOf = ({ name, subject }: Marker) =>
    createHmac('sha256', key('attempt'))
      .update(JSON.stringify([name, ...subject]))
      .digest('base64url')
  const rowOf = (marker: Marker): MarkerRow => ({
    key: keyOf(marker),
    seconds: marker.windowSeconds,
  })
  const reservationOf = (limits: AttemptLimit[]): Reservation => ({
    refund: (marker) =>
      refund(database, limits.map(keyOf), marker === undefined ? [] : [rowOf(marker)]),
  })
  return {
    async reserve(deadline, limits, override) {
      const taken = await take(database, deadline, keyOf, limits, override)
      const applied = taken.marked && override !== undefined ? override.limits : limits
      const exhausted = taken.exhausted === null ? undefined : applied[taken.exhausted]
      if (exhausted !== undefined) throw rateLimited(exhausted, taken.seconds)
      return reservationOf(applied)
    },
    async tryReserve(limits) {
      const { exhausted } = await take(database, 'background', keyOf, limits)
      return exhausted === null ? reservationOf(limits) : undefined
    },
    remember: (marker) => refund(database, [], [rowOf(marker)]),
    isRemembered: (marker) => isRemembered(database, keyOf(marker)),
    reset: (limits) => deleteCounters(database, limits.map(keyOf)),
    async purge() {
      while ((await deleteExpired(database)) === PURGE_ROWS);
    },
  }
}

// During a key rotation every node must use the same key for counting, whichever key it signs with.
function countingKeys({ accepted, current }: KeyRing): Keys {
  return accepted.reduce((least, it) => (it.kid < least.kid ? it : least), current)
}

const nothing = async () => {}
const uncounted: Reservation = { refund: nothing }
/** Counts nothing: RATE_LIMIT=off, and commands of a platform admin. */
export const unlimited: AttemptLimiter = {
  reserve: async () => uncounted,
  tryReserve: async () => uncounted,
  remember: nothing,
  isRemembered: async () => true,
  reset: nothing,
  purge: nothing,
}

interface Taken {
  /** Whether the marker is remembered, so that the limits of the override applied. */
  marked: boolean
  /** The index of the exhausted limit; null if the attempt was counted. */
  exhausted: number | null
  /** Seconds until that limit's window ends. */
  seconds: number
}

const noOverride: Override = { marker: { name: 'none', subject: [], windowSeconds: 0 }, limits: [] }

// One statement, so that no concurrent attempt can run between the check and the count.
async function take(
  database: Database,
  deadline: WaitLimit,
  keyOf: (marker: Marker) => string,
  limits: AttemptLimit[],
  override = noOverride,
): Promise<Taken> {
  const asJson = (them: AttemptLimit[]) =>
    JSON.stringify(
      them.map((it) => ({ key: keyOf(it), limit: it.limit, seconds: it.windowSeconds })),
    )
  return database.asIdentity({ deadline }, async (db) => {
    const { rows } = await sql<Taken>`
      select marked, exhausted, seconds
      from (
        select exists (
          select from tenantry.attempt_counters
          where key = ${keyOf(override.marker)} and now() < resets_at
        ) as marked
      ) as known, tenantry.take_attempts(
        case when marked then ${asJson(override.limits)}::jsonb else ${asJson(limits)}::jsonb end
      )`.execute(db)
    const [taken] = rows
    if (taken === undefined) throw new Error('tenantry.take_attempts returned no row')
    return taken
  })
}

interface MarkerRow {
  key: string
  seconds: number
}

// Lock order: counters are locked by key, as take_attempts locks them.
async function refund(database: Database, keys: string[], markers: MarkerRow[]): Promise<void> {
  await database.asIdentity({ deadline: 'background' }, (db) =>
    sql`
      with held as (
        select key from tenantry.attempt_counters where key = any (${keys}) order by key for update
      ), refunded as (
        update tenantry.attempt_counters t set attempts = greatest(t.attempts - 1, 0)
        from held where t.key = held.key
      )
      insert into tenantry.attempt_counters (key, attempts, resets_at)
      select key, 0, now() + make_interval(secs => seconds)
      from jsonb_to_recordset(${JSON.stringify(markers)}) as markers (key text, seconds float8)
      on conflict (key) do update set resets_at = excluded.resets_at`.execute(db),
  )
}

async function isRemembered(database: Database, key: string): Promise<boolean> {
  const row = await database.asIdentity({ deadline: 'background' }, (db) =>
    db
      .selectFrom('tenantry.attempt_counters')
      .select('key')
      .where('key', '=', key)
      .where('resets_at', '>', sql<string>`now()`)
      .executeTakeFirst(),
  )
  return row !== undefined
}

async function deleteCounters(database: Database, keys: string[]): Promise<void> {
  await database.asIdentity({ deadline: 'background' }, (db) =>
    db.deleteFrom('tenantry.attempt_counters').where('key', 'in', keys).execute(),
  )
}

// Skips rows that a concurrent attempt has locked: they are deleted by a later purge.
async function deleteExpired(database: Database): Promise<number> {
  const { numDeletedRows } = await database.asIdentity({ deadline: 'background' }, (db) =>
    db
      .with(
        (it) => it('expired').materialized(),
        (it) =>
          it
            .selectFrom('tenantry.attempt_counters')
            .select('key')
            .where('resets_at', '<', sql<string>`now()`)
            .limit(PURGE_ROWS)
            .forUpdate()
            .skipLocked(),
      )
      .deleteFrom('tenantry.attempt_counters')
      .where('key', 'in', (it) => it.selectFrom('expired').select('key'))
      .executeTakeFirstOrThrow(),
  )
  return Number(numDeletedRows)
}
