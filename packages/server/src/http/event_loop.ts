import { monitorEventLoopDelay } from 'node:perf_hooks'

const RESOLUTION_MS = 10

/** Measures the delay of the event loop. */
export interface EventLoopMonitor {
  /** Was it longer than `maxDelayMs` in the last interval? A field, because each request reads it. */
  readonly isDelayed: boolean
  close(): void
}

/**
 * Measures once every `maxDelayMs`. Measures no memory: process.memoryUsage() opens a file, and throws
 * where the process has too many open ones.
 */
export function monitorEventLoop(maxDelayMs: number): EventLoopMonitor {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  histogram.enable()
  const monitor = { isDelayed: false, close }
  const sampling = setInterval(() => {
    const { mean } = histogram
    // No sample at all: the loop was blocked for the whole interval.
    monitor.isDelayed = Number.isNaN(mean) || mean / 1e6 - RESOLUTION_MS > maxDelayMs
    histogram.reset()
  }, maxDelayMs).unref()
  function close(): void {
    clearInterval(sampling)
    histogram.disable()
  }
  return monitor
}
