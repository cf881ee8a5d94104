import { createHmac } from 'node:crypto'
import { sql } from 'kysely'
import type { Doors } from '../db/tenancy.ts'
import type { KeyRing, Keys } from '../lib/keys.ts'
import type { Patience } from '../lib/wait_budget.ts'
import { tooMany } from './rate_limit_error.ts'

/** Something that is remembered for a while. Stored only as a keyed hash. */
export interface Mark {
  /** What it is, such as `signin account`; part of the key, and a budget's name to clients. */
  name: string
  /** Whose: an e-mail, an address, or several of these together. */
  subject: readonly string[]
  windowSeconds: number
}

/** How many attempts of one kind something may make in a window. */
export interface Budget extends Mark {
  limit: number
}

/** An attempt that was taken from its budgets. */
export interface Attempt {
  /** Gives it back: it succeeded, and only failures count. Remembers a mark with it, if given one. */
  giveBack(remembering?: Mark): Promise<void>
}

/** Budgets that stand in for the usual ones where `mark` is remembered. */
export interface Instead {
  mark: Mark
  budgets: Budget[]
}

/** Counters in the database, so that all nodes share them. */
export interface Throttle {
  /**
   * Takes one attempt from each budget, before the work is done: from all or from none, so that who
   * has used up one does not go on emptying the others. Throws 429 when one is empty.
   */
  reserve(patience: Patience, budgets: Budget[], instead?: Instead): Promise<Attempt>
  /** The same for work that nobody waits for: undefined when one is empty. */
  tryReserve(budgets: Budget[]): Promise<Attempt | undefined>
  /** Remembers a mark from now on, for its window. */
  remember(mark: Mark): Promise<void>
  /** Fills budgets up again. */
  forget(budgets: Budget[]): Promise<void>
  /** Removes what is over. */
  purge(): Promise<void>
}

const PURGE_ROWS = 1_000

export function createThrottle(doors: Doors, keys: KeyRing, enabled: boolean): Throttle {
  if (!enabled) return unlimited
  const { key } = countingKeys(keys)
  // As JSON: what somebody sent as an e-mail must not read like the subject of something else.
  const keyOf = ({ name, subject }: Mark) =>
    createHmac('sha256', key('throttle'))
      .update(JSON.stringify([name, ...subject]))
      .digest('base64url')
  const rowOf = (mark: Mark): MarkRow => ({ key: keyOf(mark), seconds: mark.windowSeconds })
  const attemptOf = (budgets: Budget[]): Attempt => ({
    giveBack: (mark) => give(doors, budgets.map(keyOf), mark === undefined ? [] : [rowOf(mark)]),
  })
  return {
    async reserve(patience, budgets, instead) {
      const own = doors.within(patience)
      const { marked, empty, seconds } = await take(own, keyOf, budgets, instead)
      const asked = marked && instead !== undefined ? instead.budgets : budgets
      const refusing = empty === null ? undefined : asked[empty]
      if (refusing !== undefined) throw tooMany(refusing, seconds)
      return attemptOf(asked)
    },
    async tryReserve(budgets) {
      const { empty } = await take(doors, keyOf, budgets)
      return empty === null ? attemptOf(budgets) : undefined
    },
    remember: (mark) => give(doors, [], [rowOf(mark)]),
    forget: (budgets) => forget(doors, budgets.map(keyOf)),
    async purge() {
      while ((await removeExpired(doors)) === PURGE_ROWS);
    },
  }
}

// During a rotation all nodes count in one place, whichever of the two keys signs at each of them.
function countingKeys({ accepted, current }: KeyRing): Keys {
  return accepted.reduce((least, it) => (it.kid < least.kid ? it : least), current)
}

const nothing = async () => {}
const free: Attempt = { giveBack: nothing }
const unlimited: Throttle = {
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
  empty: number | null
  /** Until that budget fills up again. */
  seconds: number
}

// One statement and one round trip, which no burst can come in between.
async function take(
  doors: Doors,
  keyOf: (mark: Mark) => string,
  budgets: Budget[],
  instead: Instead = { mark: { name: 'none', subject: [], windowSeconds: 0 }, budgets: [] },
): Promise<Taken> {
  const asked = (them: Budget[]) =>
    JSON.stringify(
      them.map((it) => ({ key: keyOf(it), limit: it.limit, seconds: it.windowSeconds })),
    )
  return doors.asIdentity(async (db) => {
    const { rows } = await sql<Taken>`
      select marked, empty, seconds
      from (
        select exists (
          select from tenantry.throttles
          where key = ${keyOf(instead.mark)} and now() < resets_at
        ) as marked
      ) as known, tenantry.take_attempts(
        case when marked then ${asked(instead.budgets)}::jsonb else ${asked(budgets)}::jsonb end
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
async function give(doors: Doors, attempts: string[], marks: MarkRow[]): Promise<void> {
  await doors.asIdentity((db) =>
    sql`
      with held as (
        select key from tenantry.throttles where key = any (${attempts}) order by key for update
      ), given as (
        update tenantry.throttles t set points = greatest(t.points - 1, 0)
        from held where t.key = held.key
      )
      insert into tenantry.throttles (key, points, resets_at)
      select key, 0, now() + make_interval(secs => seconds)
      from jsonb_to_recordset(${JSON.stringify(marks)}) as marks (key text, seconds float8)
      on conflict (key) do update set resets_at = excluded.resets_at`.execute(db),
  )
}

async function forget(doors: Doors, keys: string[]): Promise<void> {
  await doors.asIdentity((db) =>
    db.deleteFrom('tenantry.throttles').where('key', 'in', keys).execute(),
  )
}

// What somebody is counting just now is left for the next time: nobody waits for a purge.
async function removeExpired(doors: Doors): Promise<number> {
  const { numDeletedRows } = await doors.asIdentity((db) =>
    db
      .deleteFrom('tenantry.throttles')
      .where('key', 'in', (it) =>
        it
          .selectFrom('tenantry.throttles')
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
