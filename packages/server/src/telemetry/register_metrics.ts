import { Counter, Gauge, type Registry } from 'prom-client'
import type { Metric } from '../lib/metric.ts'

/** Registers metrics whose values are read from their owners at each scrape. */
export function registerMetrics(registry: Registry, metrics: readonly Metric[]): void {
  for (const { kind, name, help, labels, read } of metrics) {
    const Kind = kind === 'gauge' ? Gauge : Counter
    new Kind({
      name,
      help,
      labelNames: [...labels],
      registers: [registry],
      collect() {
        this.reset()
        for (const [labels, value] of read()) this.inc(labels, value)
      },
    })
  }
}
