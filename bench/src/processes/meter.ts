// Preloaded into each measured server: reports the resource usage of the process on request.
import type { MeterReading } from '../meter_reading.ts'

process.on('message', (request) => {
  if (request === 'reading') report()
  if (request === 'reading after collection') {
    // The second collection frees what finalizers of the first released.
    globalThis.gc?.()
    setImmediate(() => {
      globalThis.gc?.()
      report()
    })
  }
})
// The channel alone must not keep the process alive.
process.channel?.unref()

function report(): void {
  const { user, system } = process.cpuUsage()
  const { rss, heapUsed, external } = process.memoryUsage()
  const reading: MeterReading = { cpuMicros: user + system, rss, heapUsed, external }
  process.send?.(reading)
}
