import { Counter, Gauge, type Registry } from 'prom-client'

/** Some labels and a number. */
export type Sample = [labels: Readonly<Record<string, string>>, value: number]

/** Something that is counted elsewhere anyway, and asked for when the metrics are read. */
export interface Metric {
  kind: 'gauge' | 'counter'
  name: string
  help: string
  labels: readonly string[]
  read(): readonly Sample[]
}

/** One number without labels, or several with. */
type Source = () => number | readonly Sample[]

/** What goes up and down. */
export function gauge(name: string, help: string, labels: readonly string[], of: Source): Metric {
  return { kind: 'gauge', name, help, labels, read: () => readingsOf(of) }
}

/** What only goes up. */
export function counter(name: string, help: string, labels: readonly string[], of: Source): Metric {
  return { kind: 'counter', name, help, labels, read: () => readingsOf(of) }
}

export function registerMetrics(registry: Registry, stats: readonly Metric[]): void {
  for (const { kind, name, help, labels, read } of stats) {
    const Metric = kind === 'gauge' ? Gauge : Counter
    new Metric({
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

function readingsOf(source: Source): readonly Sample[] {
  const readings = source()
  return typeof readings === 'number' ? [[{}, readings]] : readings
}
