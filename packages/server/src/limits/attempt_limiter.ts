import { createHmac } from 'node:crypto'
import { sql } from 'kysely'
import type { Database, WaitLimit } from '../db/tenancy.ts'
import type { KeyRing, Keys } from '../lib/keys.ts'
import { rateLimited } from './rate_limit_error.ts'

/** Something that is remembered for a while. Stored only as a keyed hash. */
export interface Marker {
  /** What it is, such as `signin account`; part of the key, and a budget's name to clients. */
  name: string
  /** Whose: an e-mail, an address, or several of these together. */
  subject: readonly string[]
  windowSeconds: number
}

/** How many attempts of one kind something may make in a window. */
export interface AttemptLimit extends Marker {
  limit: number
}

/** An attempt that was taken from its budgets. */
export interface Reservation {
  /** Gives it back: it succeeded, and only failures count. Remembers a mark with it, if given one. */
  refund(remembering?: Marker): Promise<void>
}

/** Budgets that stand in for the usual ones where `mark` is remembered. */
export interface Override {
  marker: Marker
  limits: AttemptLimit[]
}

/** Counters in the database, so that all nodes share them. */
export interface AttemptLimiter {
  /**
   * Takes one attempt from each budget, before the work is done: from all or from none, so that who
   * has used up one does not go on emptying the others. Throws 429 when one is empty.
   */
  reserve(deadline: WaitLimit, budgets: AttemptLimit[], instead?: Override): Promise<Reservation>
  /** The same for work that nobody waits for: undefined when one is empty. */
  tryReserve(budgets: AttemptLimit[]): Promise<Reservation | undefined>
  /** Remembers a mark from now on, for its window. */
  remember(mark: Marker): Promise<void>
  /** Fills budgets up again. */
  forget(budgets: AttemptLimit[]): Promise<void>
  /** Removes what is over. */
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
  // As JSON: what somebody sent as an e-mail must not read like the subject of something else.
  const keyOf = ({ name, subject }: Marker) =>
    createHmac('sha256', key('throttle'))
      .update(JSON.stringify([name, ...subject]))
      .digest('base64url')
  const rowOf = (mark: Marker): MarkRow => ({ key: keyOf(mark), seconds: mark.windowSeconds })
  const attemptOf = (budgets: AttemptLimit[]): Reservation => ({
    refund: (mark) => give(database, budgets.map(keyOf), mark === undefined ? [] : [rowOf(mark)]),
  })
  return {
    async reserve(deadline, budgets, instead) {
      const { marked, exhausted, seconds } = await take(database, deadline, keyOf, budgets, instead)
      const asked = marked && instead !== undefined ? instead.limits : budgets
      const refusing = exhausted === null ? undefined : asked[exhausted]
      if (refusing !== undefined) throw rateLimited(refusing, seconds)
      return attemptOf(asked)
    },
    async tryReserve(budgets) {
      const { exhausted } = await take(database, 'background', keyOf, budgets)
      return exhausted === null ? attemptOf(budgets) : undefined
    },
    remember: (mark) => give(database, [], [rowOf(mark)]),
    forget: (budgets) => forget(database, budgets.map(keyOf)),
    async purge() {
      while ((await removeExpired(database)) === PURGE_ROWS);
    },
  }
}

// During a rotation all nodes count in one place, whichever of the two keys signs at each of them.
function countingKeys({ accepted, current }: KeyRing): Keys {
  return accepted.reduce((least, it) => (it.kid < least.kid ? it : least), current)
}

const nothing = async () => {}
const free: Reservation = { refund: nothing }
const unlimited: AttemptLimiter = {
  reserve: async () => free,
  tryReserve: async () => free,
  remember: nothing,
  forget: nothing,
  purge: nothing,
}

interface Taken {
  /** Is the mark remembered, so that the other budgets were asked? */
  marked: boolean
  /** The place of the budget that refused; null where the attempt was taken. */
  exhausted: number | null
  /** Until that budget fills up again. */
  seconds: number
}

// One statement and one round trip, which no burst can come in between.
async function take(
  database: Database,
  deadline: WaitLimit,
  keyOf: (mark: Marker) => string,
  budgets: AttemptLimit[],
  instead: Override = { marker: { name: 'none', subject: [], windowSeconds: 0 }, limits: [] },
): Promise<Taken> {
  const asked = (them: AttemptLimit[]) =>
    JSON.stringify(
      them.map((it) => ({ key: keyOf(it), limit: it.limit, seconds: it.windowSeconds })),
    )
  return database.asIdentity({ deadline }, async (db) => {
    const { rows } = await sql<Taken>`
      select marked, exhausted, seconds
      from (
        select exists (
          select from tenantry.attempt_counters
          where key = ${keyOf(instead.marker)} and now() < resets_at
        ) as marked
      ) as known, tenantry.take_attempts(
        case when marked then ${asked(instead.limits)}::jsonb else ${asked(budgets)}::jsonb end
      )`.execute(db)
    const [taken] = rows
    if (taken === undefined) throw new Error('taking an attempt gave no answer')
    return taken
  })
}

interface MarkRow {
  key: string
  seconds: number
}

// Attempts are locked in the order in which they are taken.
async function give(database: Database, attempts: string[], marks: MarkRow[]): Promise<void> {
  await database.asIdentity({ deadline: 'background' }, (db) =>
    sql`
      with held as (
        select key from tenantry.attempt_counters where key = any (${attempts}) order by key for update
      ), given as (
        update tenantry.attempt_counters t set attempts = greatest(t.attempts - 1, 0)
        from held where t.key = held.key
      )
      insert into tenantry.attempt_counters (key, attempts, resets_at)
      select key, 0, now() + make_interval(secs => seconds)
      from jsonb_to_recordset(${JSON.stringify(marks)}) as marks (key text, seconds float8)
      on conflict (key) do update set resets_at = excluded.resets_at`.execute(db),
  )
}

async function forget(database: Database, keys: string[]): Promise<void> {
  await database.asIdentity({ deadline: 'background' }, (db) =>
    db.deleteFrom('tenantry.attempt_counters').where('key', 'in', keys).execute(),
  )
}

// What somebody is counting just now is left for the next time: nobody waits for a purge.
async function removeExpired(database: Database): Promise<number> {
  const { numDeletedRows } = await database.asIdentity({ deadline: 'background' }, (db) =>
    db
      .deleteFrom('tenantry.attempt_counters')
      .where('key', 'in', (it) =>
        it
          .selectFrom('tenantry.attempt_counters')
          .select('key')
          .where('resets_at', '<', sql<string>`now()`)
          .limit(PURGE_ROWS)
          .forUpdate()
          .skipLocked(),
      )
      .executeTakeFirstOrThrow(),
  )
  return Number(numDeletedRows)
}
