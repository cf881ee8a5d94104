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

/** Counts of values by size, with their sum: one series of a histogram. */
export interface HistogramSample {
  labels: Readonly<Record<string, string>>
  /** One count for each bound, and a last one for what is above all of them. */
  counts: readonly number[]
  sum: number
}

/** A distribution that its owner counts anyway. */
export interface HistogramMetric {
  kind: 'histogram'
  name: string
  help: string
  labels: readonly string[]
  /** The upper bounds of the buckets, in ascending order. */
  bounds: readonly number[]
  read(): readonly HistogramSample[]
}

/** One number without labels, or several with. */
type Source = () => number | readonly Sample[]

/** A distribution, such as of durations in seconds. */
export function histogram(
  name: string,
  help: string,
  labels: readonly string[],
  bounds: readonly number[],
  read: () => readonly HistogramSample[],
): HistogramMetric {
  return { kind: 'histogram', name, help, labels, bounds, read }
}

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
