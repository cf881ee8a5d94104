/** Labels and a number. */
export type Sample = [labels: Readonly<Record<string, string>>, value: number]

/** A number that its owner counts anyway, read when the metrics are read. */
export interface Metric {
  kind: 'gauge' | 'counter'
  name: string
  help: string
  labels: readonly string[]
  read(): readonly Sample[]
}

/** One number without labels, or several with. */
type Source = () => number | readonly Sample[]

/** A number that goes up and down. */
export function gauge(name: string, help: string, labels: readonly string[], of: Source): Metric {
  return { kind: 'gauge', name, help, labels, read: () => samplesOf(of) }
}

/** A number that only goes up. */
export function counter(name: string, help: string, labels: readonly string[], of: Source): Metric {
  return { kind: 'counter', name, help, labels, read: () => samplesOf(of) }
}

function samplesOf(source: Source): readonly Sample[] {
  const samples = source()
  return typeof samples === 'number' ? [[{}, samples]] : samples
}
