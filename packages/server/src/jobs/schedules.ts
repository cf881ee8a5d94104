import { sql } from 'kysely'
import { nextTick, type Schedule } from '../app/jobs/schedule.ts'
import type { WorkerDatabase } from '../db/tenancy.ts'
import { NIL_ID } from '../lib/ids.ts'

/** The time, for tests. Without it the clock of the database counts, which all workers share. */
export type Clock = () => Date

const TENANTS_AT_ONCE = 500
// A later tick was missed: workers look each second.
const MISSED_AFTER_MS = 60_000

interface DueSchedule {
  name: string
  next_at: string
  at: string
  is_due: boolean
}

/** Starts the ticks of schedules. Any number of workers do so: one of them wins each tick. */
export class Schedules {
  readonly #database: WorkerDatabase
  readonly #byName: ReadonlyMap<string, Schedule>
  readonly #clock: Clock | undefined
  #isRegistered = false

  constructor(database: WorkerDatabase, schedules: readonly Schedule[], clock?: Clock) {
    this.#database = database
    this.#byName = new Map(schedules.map((it) => [it.name, it]))
    this.#clock = clock
  }

  /** Adds the jobs of the ticks that are due. Returns whether it added some. */
  async tick(): Promise<boolean> {
    if (this.#byName.size === 0) return false
    if (!this.#isRegistered) await this.#register()
    let added = false
    for (const due of await this.#due()) {
      const schedule = this.#byName.get(due.name)
      if (schedule === undefined) continue
      if (due.is_due) await this.#begin(schedule, due)
      if (await this.#spread(schedule)) added = true
    }
    return added
  }

  // A schedule whose times an app has changed begins anew.
  async #register(): Promise<void> {
    const now = new Date(await this.#now())
    for (const schedule of this.#byName.values()) {
      const { name, pattern, timezone } = schedule
      const times = `${pattern} ${timezone}`
      const next = nextTick(schedule, now)
      if (next === undefined) continue
      await this.#database.asWorker((db) =>
        sql`
          insert into tenantry.schedules as s (name, pattern, next_at)
          values (${name}, ${times}, ${next.toISOString()})
          on conflict (name) do update set pattern = excluded.pattern, next_at = excluded.next_at
          where s.pattern <> excluded.pattern`.execute(db),
      )
    }
    this.#isRegistered = true
  }

  async #due(): Promise<DueSchedule[]> {
    const { rows } = await this.#database.asWorker((db) =>
      sql<DueSchedule>`
        select name, next_at, clock.at, next_at <= clock.at as is_due
        from tenantry.schedules, (select coalesce(${this.#time()}::timestamptz, now()) as at) clock
        where name = any(${[...this.#byName.keys()]}::text[])
          and (next_at <= clock.at or tenant_after is not null)`.execute(db),
    )
    return rows
  }

  // Of several workers that see the same tick, the one whose UPDATE finds it unchanged starts it.
  async #begin(schedule: Schedule, { next_at, at }: DueSchedule): Promise<void> {
    const next = nextTick(schedule, new Date(at))
    if (next === undefined) return
    const isMissed = Date.parse(at) - Date.parse(next_at) > MISSED_AFTER_MS
    const starts = !(isMissed && schedule.missed === 'skip')
    await this.#database.asWorker((db) =>
      sql`
        update tenantry.schedules set next_at = ${next.toISOString()}, last_at = next_at,
          tenant_after = case when ${starts} then ${NIL_ID}::uuid
            else tenant_after end
        where name = ${schedule.name} and next_at = ${next_at}`.execute(db),
    )
  }

  async #spread({ name, each }: Schedule): Promise<boolean> {
    let added = false
    for (;;) {
      const { rows } = await this.#database.asWorker((db) =>
        sql<{ visited: number | null }>`
          select tenantry.spread_schedule(${name}, ${each.job.kind}, ${JSON.stringify(each.payload)}::jsonb,
            ${TENANTS_AT_ONCE}) as visited`.execute(db),
      )
      const visited = rows[0]?.visited ?? 0
      if (visited > 0) added = true
      if (visited < TENANTS_AT_ONCE) return added
    }
  }

  #time(): string | null {
    return this.#clock?.().toISOString() ?? null
  }

  async #now(): Promise<string> {
    const { rows } = await this.#database.asWorker((db) =>
      sql<{ at: string }>`select coalesce(${this.#time()}::timestamptz, now()) as at`.execute(db),
    )
    return rows[0]?.at ?? new Date().toISOString()
  }
}
