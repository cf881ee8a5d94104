import { collectDefaultMetrics, Registry } from 'prom-client'
import type { FinishedRequest } from '../http/access_log.ts'
import { kernelVersion } from '../lib/kernel_version.ts'
import { counter, gauge, type HistogramMetric, type Metric, type Sample } from '../lib/metric.ts'
import { registerMetrics } from './register_metrics.ts'
import { createRequestDurations } from './request_durations.ts'
import { STATUS_CLASSES } from './status_class.ts'
import { type TenantCounts, TenantSeries } from './tenant_series.ts'

/** The metrics of this process, in Prometheus's text format. */
export interface Metrics {
  /** Called for each request. It only increments numbers and allocates nothing. */
  record(request: FinishedRequest): void
  /** All metrics, as text. */
  read(): Promise<string>
  contentType: string
}

export interface MetricsSettings {
  /** How many tenants get series of their own; 0 for none. */
  tenants: number
  /** Metrics that are read at each scrape. */
  metrics: readonly (Metric | HistogramMetric)[]
}

// Codes should be constants. An app that generates them must not exhaust the memory.
const MAX_CODES = 300

export function createMetrics({ tenants, metrics }: MetricsSettings): Metrics {
  const registry = new Registry()
  const durations = createRequestDurations()
  const problems = new Map<string, number>()
  const series = new TenantSeries(tenants)
  registry.registerMetric(durations)
  registerMetrics(registry, [
    gauge('tenantry_info', 'The version of the kernel.', ['version'], () => [
      [{ version: kernelVersion() }, 1],
    ]),
    counter('tenantry_problems_total', 'Problem replies, by code.', ['code'], () =>
      [...problems].map(([code, count]) => [{ code }, count]),
    ),
    ...(tenants === 0 ? [] : tenantMetrics(series)),
    ...metrics,
  ])
  collectDefaultMetrics({ register: registry })
  return {
    record(request) {
      durations.record(request)
      if (request.code !== undefined) add(problems, request.code)
      if (tenants === 0 || request.tenantId === undefined) return
      series.record(request.tenantId, request.status, request.ms / 1000)
    },
    read() {
      series.rank()
      return registry.metrics()
    },
    contentType: registry.contentType,
  }
}

function add(problems: Map<string, number>, code: string): void {
  const key = problems.has(code) || problems.size < MAX_CODES ? code : 'other'
  problems.set(key, (problems.get(key) ?? 0) + 1)
}

function tenantMetrics(series: TenantSeries): Metric[] {
  const samples = (toSamples: (tenantId: string, counts: TenantCounts) => Sample[]) =>
    [...series.named(), ['other', series.others] as const].flatMap(([id, counts]) =>
      toSamples(id, counts),
    )
  const requests = () =>
    samples((tenant_id, { requests }) =>
      requests.map((count, index) => [{ tenant_id, outcome: STATUS_CLASSES[index] ?? '' }, count]),
    )
  const seconds = () => samples((tenant_id, { seconds }) => [[{ tenant_id }, seconds]])
  const labels = ['tenant_id', 'outcome']
  return [
    counter('tenantry_tenant_requests_total', 'Requests of the busiest tenants.', labels, requests),
    counter(
      'tenantry_tenant_request_seconds_total',
      'Total duration of these requests.',
      ['tenant_id'],
      seconds,
    ),
  ]
}
