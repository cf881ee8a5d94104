import { Histogram } from 'prom-client'
import { type FinishedRequest, patternOf } from '../http/access_log.ts'
import { STATUS_CLASSES, statusClassOf } from './status_class.ts'

type Label = 'method' | 'route' | 'outcome' | 'le'

/** The replies of one route by status class: counts per duration bucket, and the total duration. */
interface Series {
  method: string
  route: string
  outcomes: { buckets: Float64Array; seconds: number }[]
}

const NAME = 'tenantry_http_request_duration_seconds'
const HELP = 'Time from the arrival of a request head to the last byte of its reply.'
// Upper bounds in seconds. The last bucket has none.
const BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

/**
 * Rate, errors and duration of requests. Counts in arrays and becomes a histogram when it is read: the
 * library's own `observe` costs a hundred times as much for each request.
 */
export class RequestDurations extends Histogram<Label> {
  readonly #series = new Map<unknown, Series>()

  record(request: FinishedRequest): void {
    const { outcomes } = this.#seriesOf(request)
    const outcome = outcomes[statusClassOf(request.status)]
    if (outcome === undefined) return
    const seconds = request.ms / 1000
    let bucket = 0
    while (bucket < BOUNDS.length && seconds > (BOUNDS[bucket] ?? 0)) bucket++
    outcome.buckets[bucket] = (outcome.buckets[bucket] ?? 0) + 1
    outcome.seconds += seconds
  }

  /** Called by the registry, and by Histogram.get. */
  async getForPromString() {
    const values = [...this.#series.values()].flatMap(valuesOf)
    return { name: NAME, help: HELP, type: 'histogram', values }
  }

  // A route is its own key. Requests that match no route are counted by method; clients can invent
  // methods, so the unknown ones are counted together.
  #seriesOf(request: FinishedRequest): Series {
    const method = METHODS.has(request.method) ? request.method : 'other'
    const key = request.served ?? method
    const existing = this.#series.get(key)
    if (existing !== undefined) return existing
    const series = newSeries(request.served?.method ?? method, patternOf(request))
    this.#series.set(key, series)
    return series
  }
}

export function createRequestDurations(): RequestDurations {
  return new RequestDurations({
    name: NAME,
    help: HELP,
    labelNames: ['method', 'route', 'outcome'],
    registers: [],
  })
}

function newSeries(method: string, route: string): Series {
  const outcomes = STATUS_CLASSES.map(() => ({
    buckets: new Float64Array(BOUNDS.length + 1),
    seconds: 0,
  }))
  return { method, route, outcomes }
}

function valuesOf({ method, route, outcomes }: Series) {
  return outcomes.flatMap(({ buckets, seconds }, index) => {
    const count = buckets.reduce((sum, it) => sum + it, 0)
    if (count === 0) return []
    const labels = { method, route, outcome: STATUS_CLASSES[index] ?? '' }
    return [
      ...bucketValues(buckets, labels),
      value('sum', labels, seconds),
      value('count', labels, count),
    ]
  })
}

// Prometheus requires cumulative buckets.
function bucketValues(buckets: Float64Array, labels: Partial<Record<Label, string>>) {
  let sum = 0
  return Array.from(buckets, (count, index) => {
    sum += count
    return value('bucket', { ...labels, le: String(BOUNDS[index] ?? '+Inf') }, sum)
  })
}

function value(part: string, labels: Partial<Record<Label, string>>, value: number) {
  return { metricName: `${NAME}_${part}`, labels, value }
}
