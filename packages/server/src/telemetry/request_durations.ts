import { Histogram } from 'prom-client'
import { type FinishedRequest, patternOf } from '../http/access_log.ts'
import { STATUS_CLASSES, statusClassOf } from './status_class.ts'

type Label = 'method' | 'route' | 'outcome' | 'le'

/** What one route answered, by class of status: how many by duration, and how long in all. */
interface Series {
  method: string
  route: string
  outcomes: { buckets: Float64Array; seconds: number }[]
}

const NAME = 'tenantry_http_request_duration_seconds'
const HELP = 'From the arrival of the head of a request to the last byte of its reply.'
// In seconds. The last bucket has no bound.
const BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

/**
 * Rate, errors and duration of requests. It counts in arrays of its own and becomes a histogram when
 * it is read: the library's own `observe` costs a hundred times as much, on every request.
 */
export class RequestDurations extends Histogram<Label> {
  readonly #served = new Map<unknown, Series>()

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

  /** What the registry reads, and Histogram.get too. */
  async getForPromString() {
    const values = [...this.#served.values()].flatMap(valuesOf)
    return { name: NAME, help: HELP, type: 'histogram', values }
  }

  // A route is known by identity; what matched none by its method, of which strangers may make up.
  #seriesOf(request: FinishedRequest): Series {
    const method = METHODS.has(request.method) ? request.method : 'other'
    const key = request.served ?? method
    const known = this.#served.get(key)
    if (known !== undefined) return known
    const series = newSeries(request.served?.method ?? method, patternOf(request))
    this.#served.set(key, series)
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
  return outcomes.flatMap(({ buckets, seconds }, at) => {
    const count = buckets.reduce((sum, it) => sum + it, 0)
    if (count === 0) return []
    const labels = { method, route, outcome: STATUS_CLASSES[at] ?? '' }
    return [
      ...bucketValues(buckets, labels),
      value('sum', labels, seconds),
      value('count', labels, count),
    ]
  })
}

// Cumulative, as Prometheus wants it.
function bucketValues(buckets: Float64Array, labels: Partial<Record<Label, string>>) {
  let sum = 0
  return Array.from(buckets, (count, at) => {
    sum += count
    return value('bucket', { ...labels, le: String(BOUNDS[at] ?? '+Inf') }, sum)
  })
}

function value(part: string, labels: Partial<Record<Label, string>>, value: number) {
  return { metricName: `${NAME}_${part}`, labels, value }
}
