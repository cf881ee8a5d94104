import type { Figure } from '../figure.ts'
import { median } from '../statistics.ts'

const STARTS = 7

export const start: Figure = {
  name: 'start',
  what: 'time from process start until /health/ready first answers 200, with a migrated database',
  target: { atMost: 1_500 },
  unit: ' ms',
  async measure(bench) {
    const times: number[] = []
    for (let at = 0; at < STARTS; at++) {
      const server = await bench.startApp()
      times.push(server.readyAfterMs)
      await server.stop()
    }
    const all = times.map((it) => Math.round(it)).join(', ')
    return { value: median(times), notes: [`median of ${STARTS} starts: ${all} ms`] }
  },
}
