import { Cron } from 'croner'
import type { z } from 'zod'
import type { Job } from './job.ts'

/** A job for each active tenant, with one payload for all. */
export interface TenantJob {
  readonly job: Job
  readonly payload: unknown
}

export interface ScheduleOptions {
  /** The name under which the workers agree on it. The default is the kind of its job. */
  name?: string
  /**
   * What happens when a tick was missed, because no worker ran: `run` (default) makes up for the last one,
   * `skip` waits for the next one.
   */
  missed?: 'run' | 'skip'
}

/** When a job runs in each tenant. */
export interface Schedule {
  readonly name: string
  readonly pattern: string
  readonly timezone: string
  readonly each: TenantJob
  readonly missed: 'run' | 'skip'
}

/**
 * Declares a schedule: a cron pattern of five fields in a time zone, such as
 * `every('0 6 * * *', 'Europe/Berlin', eachTenant(sendDigest))`. Each tick happens once, however many
 * workers run. Throws an Error if pattern or time zone is invalid.
 */
export function every(
  pattern: string,
  timezone: string,
  each: TenantJob,
  { name = each.job.kind, missed = 'run' }: ScheduleOptions = {},
): Schedule {
  const schedule = { name, pattern, timezone, each, missed }
  // The first tick shows that pattern and time zone are valid.
  if (pattern.trim().split(/\s+/).length !== 5 || nextTick(schedule, new Date()) === undefined) {
    throw new Error(`schedule "${name}": "${pattern}" has no tick; write "0 6 * * *"`)
  }
  return Object.freeze(schedule)
}

/** The job of a schedule: one in each active tenant. */
export function eachTenant<Payload extends z.ZodType>(
  job: Job<Payload>,
  ...[payload]: Record<string, never> extends z.input<Payload>
    ? [payload?: z.input<Payload>]
    : [payload: z.input<Payload>]
): TenantJob {
  job.payload.parse(payload ?? {})
  return Object.freeze({ job, payload: payload ?? {} })
}

/** The first tick after `from`. Undefined if there is none. Throws for an invalid pattern or time zone. */
export function nextTick(
  { pattern, timezone }: Pick<Schedule, 'pattern' | 'timezone'>,
  from: Date,
): Date | undefined {
  // Paused: it computes times and starts no timer.
  return new Cron(pattern, { timezone, paused: true }).nextRun(from) ?? undefined
}
