import { collectDefaultMetrics, Registry } from 'prom-client'
import type { FinishedRequest } from '../http/access_log.ts'
import { kernelVersion } from '../lib/kernel_version.ts'
import { counter, gauge, type Metric, type Sample } from '../lib/metric.ts'
import { registerMetrics } from './register_metrics.ts'
import { createRequestDurations } from './request_durations.ts'
import { STATUS_CLASSES } from './status_class.ts'
import { type TenantCounts, TenantSeries } from './tenant_series.ts'

/** What Prometheus reads of this process. */
export interface Metrics {
  /** Called for each request: it adds to a few numbers and makes nothing. */
  record(request: FinishedRequest): void
  /** All there is, as text. */
  read(): Promise<string>
  contentType: string
}

export interface MetricsSettings {
  /** How many tenants are told by name; 0 for none. */
  tenants: number
  /** What is asked when the metrics are read. */
  metrics: readonly Metric[]
}

// Codes are words in the code; an app that makes them up as it goes must not fill the memory.
const MAX_CODES = 300

export function createMetrics({ tenants, metrics: stats }: MetricsSettings): Metrics {
  const registry = new Registry()
  const durations = createRequestDurations()
  const problems = new Map<string, number>()
  const series = new TenantSeries(tenants)
  registry.registerMetric(durations)
  registerMetrics(registry, [
    gauge('tenantry_info', 'The kernel.', ['version'], () => [[{ version: kernelVersion() }, 1]]),
    counter('tenantry_problems_total', 'Problems that were told, by code.', ['code'], () =>
      [...problems].map(([code, count]) => [{ code }, count]),
    ),
    ...(tenants === 0 ? [] : tenantFigures(series)),
    ...stats,
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

function tenantFigures(series: TenantSeries): Metric[] {
  const readings = (of: (tenantId: string, counts: TenantCounts) => Sample[]) =>
    [...series.named(), ['other', series.others] as const].flatMap(([id, counts]) => of(id, counts))
  const requests = () =>
    readings((tenant_id, { requests }) =>
      requests.map((it, at) => [{ tenant_id, outcome: STATUS_CLASSES[at] ?? '' }, it]),
    )
  const seconds = () => readings((tenant_id, { seconds }) => [[{ tenant_id }, seconds]])
  const labels = ['tenant_id', 'outcome']
  return [
    counter('tenantry_tenant_requests_total', 'Of the busiest tenants.', labels, requests),
    counter('tenantry_tenant_request_seconds_total', 'How long they took.', ['tenant_id'], seconds),
  ]
}
