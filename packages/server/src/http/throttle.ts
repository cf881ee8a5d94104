import { createHmac } from 'node:crypto'
import { sql } from 'kysely'
import type { Doors } from '../db/tenancy.ts'
import { AppError } from '../errors.ts'
import type { KeyRing } from '../secrets.ts'

/** How many attempts of one kind something may make in a window. */
export interface Budget {
  /** What is counted, such as `signin account`; part of the key, and the policy's name to clients. */
  name: string
  /** Whose attempts: a canonical e-mail or an address. Stored only as a keyed hash. */
  subject: string
  limit: number
  windowSeconds: number
}

/** Counters in the database, so that all nodes share them. */
export interface Throttle {
  /** Takes one attempt from each budget, before the work is done. Throws 429 when one is empty. */
  reserve(budgets: Budget[]): Promise<void>
  /** Gives the attempts back: they succeeded, and only failures count. */
  giveBack(budgets: Budget[]): Promise<void>
  /** Fills a budget up again. */
  forget(budget: Budget): Promise<void>
  /** Removes counters whose window is over. */
  purge(): Promise<void>
}

const PURGE_ROWS = 1_000

export function createThrottle(doors: Doors, keys: KeyRing, enabled: boolean): Throttle {
  if (!enabled) return unlimited
  // The oldest generation that is still accepted: during a rotation all nodes count in one place.
  const { key } = keys.accepted.at(-1) ?? keys.current
  const keyOf = ({ name, subject }: Budget) =>
    createHmac('sha256', key('throttle')).update(`${name}\n${subject}`).digest('base64url')
  const rowOf = (budget: Budget) => take(doors, keyOf(budget), budget.windowSeconds)
  return {
    async reserve(budgets) {
      // One after the other: who has used up the first must not go on emptying the second.
      for (const [at, budget] of budgets.entries()) {
        const { points, seconds } = await rowOf(budget)
        if (points <= budget.limit) continue
        await this.giveBack(budgets.slice(0, at))
        throw tooMany(budget, seconds)
      }
    },
    async giveBack(budgets) {
      for (const budget of budgets) await give(doors, keyOf(budget))
    },
    async forget(budget) {
      await doors.asIdentity((db) =>
        db.deleteFrom('tenantry.throttles').where('key', '=', keyOf(budget)).execute(),
      )
    },
    purge: () => removeExpired(doors),
  }
}

const nothing = async () => {}
const unlimited: Throttle = { reserve: nothing, giveBack: nothing, forget: nothing, purge: nothing }

async function take(doors: Doors, key: string, windowSeconds: number) {
  return doors.asIdentity((db) =>
    db
      .insertInto('tenantry.throttles')
      .values({
        key,
        points: 1,
        resets_at: sql<string>`now() + make_interval(secs => ${windowSeconds})`,
      })
      .onConflict((it) =>
        it.column('key').doUpdateSet({
          points: sql`case when throttles.resets_at <= now() then 1 else throttles.points + 1 end`,
          resets_at: sql`case when throttles.resets_at <= now() then excluded.resets_at
            else throttles.resets_at end`,
        }),
      )
      .returning([
        'points',
        sql<number>`extract(epoch from resets_at - now())::float8`.as('seconds'),
      ])
      .executeTakeFirstOrThrow(),
  )
}

async function give(doors: Doors, key: string): Promise<void> {
  await doors.asIdentity((db) =>
    db
      .updateTable('tenantry.throttles')
      .set({ points: sql<number>`greatest(points - 1, 0)` })
      .where('key', '=', key)
      .execute(),
  )
}

// What somebody is counting just now is left for the next time: nobody waits for a purge.
async function removeExpired(doors: Doors): Promise<void> {
  await doors.asIdentity((db) =>
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
      .execute(),
  )
}

// Headers: draft-ietf-httpapi-ratelimit-headers.
function tooMany({ name, limit, windowSeconds }: Budget, seconds: number): AppError {
  const wait = Math.max(1, Math.ceil(seconds))
  const policy = `"${name.replaceAll(' ', '-')}"`
  return new AppError('rate_limited', 'rate.limited', 'Too many attempts; try again later', {
    retryAfter: wait,
    headers: {
      'ratelimit-policy': `${policy};q=${limit};w=${windowSeconds}`,
      ratelimit: `${policy};r=0;t=${wait}`,
    },
  })
}
