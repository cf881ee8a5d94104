import { setTimeout as sleep } from 'node:timers/promises'

/** Waits, but not for ever; tells whether the time was up. */
export async function withTimeout(work: Promise<void>, ms: number): Promise<boolean> {
  const late = sleep(ms, true, { ref: false })
  return Promise.race([work.then(() => false), late])
}
