import { createHmac } from 'node:crypto'
import ipaddr from 'ipaddr.js'
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
}

const CLEAN_EVERY = 200

export function createThrottle(doors: Doors, keys: KeyRing, enabled: boolean): Throttle {
  if (!enabled) return { reserve: async () => {}, giveBack: async () => {} }
  const keyOf = ({ name, subject }: Budget) =>
    createHmac('sha256', keys.current.key('throttle')).update(`${name}\n${subject}`).digest('base64url')
  let calls = 0

  return {
    async reserve(budgets) {
      if (++calls % CLEAN_EVERY === 0) await removeExpired(doors)
      // Sorted, so that two nodes lock the same rows in the same order.
      const wanted = budgets.map((budget) => ({ budget, key: keyOf(budget) })).sort(byKey)
      const counted = await count(doors, wanted)
      for (const { key, budget } of wanted) {
        const row = counted.find((it) => it.key === key)
        if (row !== undefined && row.points > budget.limit) throw tooMany(budget, row.seconds)
      }
    },
    async giveBack(budgets) {
      const given = budgets.map(keyOf).sort()
      await doors.asIdentity((db) =>
        db
          .updateTable('tenantry.throttles')
          .set({ points: sql<number>`greatest(points - 1, 0)` })
          .where('key', 'in', given)
          .execute(),
      )
    },
  }
}

/** One subject per client: IPv6 hosts own a /64, so that is what is counted (v4-mapped is IPv4). */
export function addressSubject(address: string): string {
  if (!ipaddr.isValid(address)) return 'unknown'
  const parsed = ipaddr.process(address)
  if (parsed.kind() === 'ipv4') return parsed.toString()
  return ipaddr.IPv6.networkAddressFromCIDR(`${parsed.toString()}/64`).toString()
}

interface Wanted {
  key: string
  budget: Budget
}

function byKey(a: Wanted, b: Wanted): number {
  return a.key < b.key ? -1 : 1
}

function count(doors: Doors, wanted: Wanted[]) {
  return doors.asIdentity((db) =>
    db
      .insertInto('tenantry.throttles')
      .values(
        wanted.map(({ key, budget }) => ({
          key,
          points: 1,
          resets_at: sql<string>`now() + make_interval(secs => ${budget.windowSeconds})`,
        })),
      )
      .onConflict((it) =>
        it.column('key').doUpdateSet({
          points: sql`case when throttles.resets_at <= now() then 1 else throttles.points + 1 end`,
          resets_at: sql`case when throttles.resets_at <= now() then excluded.resets_at
            else throttles.resets_at end`,
        }),
      )
      .returning(['key', 'points', sql<number>`extract(epoch from resets_at - now())::float8`.as('seconds')])
      .execute(),
  )
}

function removeExpired(doors: Doors) {
  return doors.asIdentity((db) =>
    db.deleteFrom('tenantry.throttles').where('resets_at', '<', sql<string>`now()`).execute(),
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
