import { setTimeout as sleep } from 'node:timers/promises'
import type { MaybePromise } from '../lib/maybe_promise.ts'
import { isDeadlockVictim } from './errors.ts'

const TRIES = 3
const MAX_PAUSE_MS = 30

/**
 * Runs `attempt` again, at most twice, if PostgreSQL rolled it back because of a concurrent transaction:
 * after a deadlock or a serialization failure.
 */
export function retryDeadlocks<T>(attempt: () => Promise<T>): Promise<T>
export function retryDeadlocks<T>(attempt: () => MaybePromise<T>): MaybePromise<T>
export function retryDeadlocks<T>(attempt: () => MaybePromise<T>): MaybePromise<T> {
  const first = attempt()
  return first instanceof Promise ? first.catch((error: unknown) => again(attempt, error)) : first
}

async function again<T>(attempt: () => MaybePromise<T>, first: unknown): Promise<T> {
  let error = first
  for (let tries = 1; tries < TRIES && isDeadlockVictim(error); tries++) {
    // A random pause: two transactions that retry in step would deadlock again.
    await sleep(Math.random() * MAX_PAUSE_MS * tries)
    try {
      return await attempt()
    } catch (next) {
      error = next
    }
  }
  throw error
}
