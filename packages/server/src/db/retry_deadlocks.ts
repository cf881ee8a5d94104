import { setTimeout } from 'node:timers/promises'
import type { MaybePromise } from '../lib/maybe_promise.ts'
import { isDeadlockVictim } from './errors.ts'

const TRIES = 3
const MAX_PAUSE_MS = 30

/**
 * Runs `attempt` again, twice at most, where PostgreSQL took all of it back in favour of another
 * transaction: a deadlock, or a conflict of serializable ones.
 */
export function retryDeadlocks<T>(attempt: () => Promise<T>): Promise<T>
export function retryDeadlocks<T>(attempt: () => MaybePromise<T>): MaybePromise<T>
export function retryDeadlocks<T>(attempt: () => MaybePromise<T>): MaybePromise<T> {
  const first = attempt()
  return first instanceof Promise ? first.catch((error: unknown) => again(attempt, error)) : first
}

async function again<T>(attempt: () => MaybePromise<T>, lost: unknown): Promise<T> {
  let error = lost
  for (let tries = 1; tries < TRIES && isDeadlockVictim(error); tries++) {
    // At random, or two who met would meet again.
    await setTimeout(Math.random() * MAX_PAUSE_MS * tries)
    try {
      return await attempt()
    } catch (next) {
      error = next
    }
  }
  throw error
}
