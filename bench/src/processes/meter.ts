// Preloaded into each server that is measured: tells what the whole process has used, when asked.
import type { MeterReading } from '../meter_reading.ts'

process.on('message', (asked) => {
  if (asked === 'reading') tell()
  if (asked === 'reading after collection') {
    // The second finds what finalizers of the first let go of.
    globalThis.gc?.()
    setImmediate(() => {
      globalThis.gc?.()
      tell()
    })
  }
})
// Nobody lives for being measured.
process.channel?.unref()

function tell(): void {
  const { user, system } = process.cpuUsage()
  const { rss, heapUsed, external } = process.memoryUsage()
  const reading: MeterReading = { cpuMicros: user + system, rss, heapUsed, external }
  process.send?.(reading)
}
