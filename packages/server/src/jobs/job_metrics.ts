import {
  counter,
  gauge,
  type HistogramMetric,
  type HistogramSample,
  histogram,
  type Metric,
} from '../lib/metric.ts'

/** How a run ended. */
export type RunOutcome = 'done' | 'failed' | 'interrupted'

/** What the queue holds, over all tenants. */
export interface QueueStats {
  counts: Readonly<Record<string, number>>
  /** How long the job that is ready for longest has waited. */
  oldestReadySeconds: number
}

const BOUNDS = [0.005, 0.025, 0.1, 0.5, 1, 5, 30, 60, 300, 1_800, 21_600]
const NO_STATS: QueueStats = { counts: {}, oldestReadySeconds: 0 }

/** Counts the runs of one worker, by kind. Unknown kinds are counted together. */
export class JobMetrics {
  readonly #kinds: ReadonlySet<string>
  readonly #running: () => number
  readonly #runs = new Map<string, { kind: string; outcome: RunOutcome; count: number }>()
  readonly #waits = new Map<string, Distribution>()
  readonly #durations = new Map<string, Distribution>()
  /** As it was read last. */
  stats: QueueStats = NO_STATS

  constructor(kinds: Iterable<string>, running: () => number) {
    this.#kinds = new Set(kinds)
    this.#running = running
  }

  record(given: string, outcome: RunOutcome, waitedSeconds: number, ranSeconds: number): void {
    const kind = this.#kinds.has(given) ? given : 'unknown'
    const key = `${kind} ${outcome}`
    const run = this.#runs.get(key) ?? { kind, outcome, count: 0 }
    run.count++
    this.#runs.set(key, run)
    distributionOf(this.#waits, kind).add(waitedSeconds)
    distributionOf(this.#durations, kind).add(ranSeconds)
  }

  metrics(): (Metric | HistogramMetric)[] {
    return [
      gauge('tenantry_jobs', 'Background jobs of all tenants, by state.', ['state'], () =>
        Object.entries(this.stats.counts).map(([state, count]) => [{ state }, count]),
      ),
      gauge(
        'tenantry_jobs_oldest_ready_seconds',
        'How long the job that is ready for longest has waited.',
        [],
        () => this.stats.oldestReadySeconds,
      ),
      gauge('tenantry_jobs_running', 'Jobs that this worker runs now.', [], this.#running),
      counter(
        'tenantry_job_runs_total',
        'Runs of jobs that have ended, by kind and outcome.',
        ['kind', 'outcome'],
        () =>
          [...this.#runs.values()].map(({ kind, outcome, count }) => [{ kind, outcome }, count]),
      ),
      histogram(
        'tenantry_job_wait_seconds',
        'Time from when a job was ready until a worker took it.',
        ['kind'],
        BOUNDS,
        () => samplesOf(this.#waits),
      ),
      histogram('tenantry_job_run_seconds', 'Duration of the runs of jobs.', ['kind'], BOUNDS, () =>
        samplesOf(this.#durations),
      ),
    ]
  }
}

class Distribution {
  readonly counts = new Array<number>(BOUNDS.length + 1).fill(0)
  sum = 0

  add(value: number): void {
    const found = BOUNDS.findIndex((bound) => value <= bound)
    const at = found === -1 ? BOUNDS.length : found
    this.counts[at] = (this.counts[at] ?? 0) + 1
    this.sum += value
  }
}

function distributionOf(all: Map<string, Distribution>, kind: string): Distribution {
  const found = all.get(kind) ?? new Distribution()
  all.set(kind, found)
  return found
}

function samplesOf(all: ReadonlyMap<string, Distribution>): HistogramSample[] {
  return [...all].map(([kind, { counts, sum }]) => ({ labels: { kind }, counts, sum }))
}
