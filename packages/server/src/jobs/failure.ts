import { UnrecoverableError } from '../app/jobs/job.ts'
import type { Failure, ParkReason } from './queue.ts'

/** The worker has the job no longer: another one may have it. Nothing was changed. */
export class LeaseLost extends Error {
  override readonly name = 'LeaseLost'
}

/** The tenant is not active: the job waits until it is. */
export class TenantInactive extends Error {
  override readonly name = 'TenantInactive'
}

/** No code of this process can run the job as it is stored. */
export class Misfit extends Error {
  override readonly name = 'Misfit'
  readonly reason: ParkReason

  constructor(reason: ParkReason, message: string) {
    super(message)
    this.reason = reason
  }
}

const FIRST_SECONDS = 10
const MAX_SECONDS = 6 * 3_600
const MAX_TEXT = 500
const MAX_STACK = 2_000
// Five minutes: during a rolling deployment an older worker may take a job of the newer version.
const MISFIT_ATTEMPTS = 6

/** What becomes of a job after an error. */
export function failureOf(error: unknown, attempt: number, retryDays: number): Failure {
  const common = { error: errorText(error), retryInSeconds: backoffSeconds(attempt), retryDays }
  if (error instanceof Misfit) {
    return { ...common, reason: error.reason, maxAttempts: MISFIT_ATTEMPTS }
  }
  const isFinal = error instanceof UnrecoverableError
  return { ...common, reason: 'failed', ...(isFinal && { maxAttempts: 0 }) }
}

/** 10 s, doubled with each attempt up to 6 h; with jitter, so that jobs that failed together spread out. */
function backoffSeconds(attempt: number, random = Math.random()): number {
  const seconds = Math.min(FIRST_SECONDS * 2 ** Math.min(attempt - 1, 20), MAX_SECONDS)
  return seconds * (0.75 + random / 2)
}

/** The error in one line of at most 500 characters: a job may throw anything, of any size. */
export function errorText(error: unknown): string {
  // Cut first: the work below grows with the text.
  const text = describe(error).slice(0, 4 * MAX_TEXT)
  const line = text.replaceAll(/[\p{Cc}\p{Cs}\u2028\u2029]+/gu, ' ').trim()
  // A character may have two code units, and PostgreSQL counts characters.
  return Array.from(line).slice(0, MAX_TEXT).join('') || 'unknown error'
}

function describe(error: unknown): string {
  try {
    if (!(error instanceof Error)) return String(error).slice(0, 4 * MAX_TEXT)
    return `${String(error.name).slice(0, MAX_TEXT)}: ${String(error.message).slice(0, 4 * MAX_TEXT)}`
  } catch {
    return 'an error without a text'
  }
}

/** The end of the error's stack, if it has one. */
export function stackOf(error: unknown): string | undefined {
  try {
    return error instanceof Error ? String(error.stack).slice(-MAX_STACK) : undefined
  } catch {
    return undefined
  }
}
