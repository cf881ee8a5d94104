import type { LoadJob, LoadResult } from './load_job.ts'
import type { Loader } from './loader.ts'
import { median } from './statistics.ts'

/** Requests whose latency is watched, and what goes on beside them. */
export interface Disturbance {
  watcher: Loader
  watched: LoadJob
  disturber: Loader
  disturbing: LoadJob
}

/** What the disturbance did to the watched requests. */
export interface Disturbed {
  /** p99 with it to p99 without it, the median of all rounds. */
  ratio: number
  quiet: LoadResult[]
  disturbed: LoadResult[]
  disturbing: LoadResult[]
}

const ROUNDS = 7
const SECONDS = 4

/** By turns without the disturbance and with it. */
export async function disturb({
  watcher,
  watched,
  disturber,
  disturbing,
}: Disturbance): Promise<Disturbed> {
  const seen: Omit<Disturbed, 'ratio'> = { quiet: [], disturbed: [], disturbing: [] }
  await watcher.run({ ...watched, seconds: SECONDS })
  for (let round = 0; round < ROUNDS; round++) {
    seen.quiet.push(await watcher.run({ ...watched, seconds: SECONDS }))
    const [other, it] = await Promise.all([
      disturber.run({ ...disturbing, seconds: SECONDS + 1 }),
      afterStart(() => watcher.run({ ...watched, seconds: SECONDS })),
    ])
    seen.disturbing.push(other)
    seen.disturbed.push(it)
  }
  const ratio = median(seen.disturbed.map((it, at) => it.p99 / (seen.quiet[at]?.p99 ?? Number.NaN)))
  assertServed([...seen.quiet, ...seen.disturbed])
  return { ratio, ...seen }
}

/** The medians of several runs, for people. */
export function runsText(name: string, runs: readonly LoadResult[]): string {
  const of = (pick: (run: LoadResult) => number) => median(runs.map(pick))
  const statuses = Object.entries(sumOf(runs)).map(([status, count]) => `${count} x ${status}`)
  return (
    `${name}: ${of((it) => it.replies / it.seconds).toFixed(0)} requests/s ` +
    `(${statuses.join(', ')}), p50 ${of((it) => it.p50).toFixed(2)} ms, ` +
    `p99 ${of((it) => it.p99).toFixed(2)} ms`
  )
}

// The disturbance is under way by then.
async function afterStart<T>(work: () => Promise<T>): Promise<T> {
  await new Promise((resolve) => setTimeout(resolve, 500))
  return work()
}

function sumOf(runs: readonly LoadResult[]): Record<string, number> {
  const sums: Record<string, number> = {}
  for (const { statuses } of runs) {
    for (const [status, count] of Object.entries(statuses)) {
      sums[status] = (sums[status] ?? 0) + count
    }
  }
  return sums
}

function assertServed(runs: readonly LoadResult[]): void {
  const sums = sumOf(runs)
  if (Object.keys(sums).every((it) => it.startsWith('2'))) return
  throw new Error(`the watched requests were not all served: ${JSON.stringify(sums)}`)
}
