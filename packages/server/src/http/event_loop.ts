import { monitorEventLoopDelay } from 'node:perf_hooks'

const RESOLUTION_MS = 10

/** Measures the delay of the event loop. */
export interface EventLoopMonitor {
  /** Was it longer than `maxDelayMs` in the last interval? */
  isDelayed(): boolean
  close(): void
}

/**
 * Measures once every `maxDelayMs`. Measures no memory: process.memoryUsage() opens a file, and throws
 * where the process has too many open ones.
 */
export function monitorEventLoop(maxDelayMs: number): EventLoopMonitor {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  histogram.enable()
  let delayMs = 0
  const sampling = setInterval(() => {
    // No sample at all: the loop was blocked for the whole interval.
    const { mean } = histogram
    delayMs = Number.isNaN(mean) ? Number.POSITIVE_INFINITY : mean / 1e6 - RESOLUTION_MS
    histogram.reset()
  }, maxDelayMs).unref()
  return {
    isDelayed: () => delayMs > maxDelayMs,
    close() {
      clearInterval(sampling)
      histogram.disable()
    },
  }
}
