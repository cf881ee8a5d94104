import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { HistogramMetric, HistogramSample, Metric } from '../lib/metric.ts'

/** Registers metrics whose values are read from their owners at each scrape. */
export function registerMetrics(
  registry: Registry,
  metrics: readonly (Metric | HistogramMetric)[],
): void {
  for (const metric of metrics) {
    if (metric.kind === 'histogram') registry.registerMetric(new ReadHistogram(metric))
    else registerNumber(registry, metric)
  }
}

function registerNumber(registry: Registry, { kind, name, help, labels, read }: Metric): void {
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

/** A histogram whose owner has counted already. */
class ReadHistogram extends Histogram {
  readonly #metric: HistogramMetric

  constructor(metric: HistogramMetric) {
    const { name, help, labels } = metric
    super({ name, help, labelNames: [...labels], registers: [] })
    this.#metric = metric
  }

  /** Called by the registry, and by Histogram.get. */
  async getForPromString() {
    const { name, help, bounds, read } = this.#metric
    const values = read().flatMap((it) => valuesOf(name, bounds, it))
    return { name, help, type: 'histogram', values }
  }
}

// Prometheus requires cumulative buckets.
function valuesOf(
  name: string,
  bounds: readonly number[],
  { labels, counts, sum }: HistogramSample,
) {
  let total = 0
  const buckets = counts.map((count, at) => {
    total += count
    return {
      metricName: `${name}_bucket`,
      labels: { ...labels, le: bounds[at] ?? '+Inf' },
      value: total,
    }
  })
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: total },
  ]
}
