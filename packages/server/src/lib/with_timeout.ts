import { setTimeout as sleep } from 'node:timers/promises'

/** Waits for `work`, for `ms` at most. Resolves to true if the time ran out. */
export async function withTimeout(work: Promise<void>, ms: number): Promise<boolean> {
  const late = sleep(ms, true, { ref: false })
  return Promise.race([work.then(() => false), late])
}
