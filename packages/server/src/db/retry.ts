import { setTimeout } from 'node:timers/promises'
import { lostToAnother } from './database_error.ts'

const TRIES = 3
const MAX_PAUSE_MS = 30

/**
 * Runs `attempt` again, twice at most, where PostgreSQL took all of it back in favour of another
 * transaction: a deadlock, or a conflict of serializable ones.
 */
export async function retryLost<T>(attempt: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await attempt()
    } catch (error) {
      if (tries === TRIES || !lostToAnother(error)) throw error
      // At random, or two who met would meet again.
      await setTimeout(Math.random() * MAX_PAUSE_MS * tries)
    }
  }
}
