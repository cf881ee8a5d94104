/**
 * A moment on two clocks. The monotonic clock stops while the machine is suspended; the wall clock
 * can be set back. Comparing both covers either fault.
 */
export interface Moment {
  monotonic: number
  wall: number
}

/** Wall time counts from process start: V8 stores a small integer in place, without a heap object. */
export const WALL_START = Date.now()

/** The current moment, to be stored. Rounded down, so that a stored moment never looks younger. */
export function momentNow(): Moment {
  return { monotonic: Math.floor(performance.now()), wall: Date.now() - WALL_START }
}

/** Milliseconds from `then` to `now`, by whichever clock shows more. */
export function elapsedMs(then: Moment, now: Moment): number {
  return Math.max(now.monotonic - then.monotonic, now.wall - then.wall)
}
