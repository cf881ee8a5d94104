import type { LoadJob, LoadResult } from './load_job.ts'
import type { Loader } from './loader.ts'
import { median } from './statistics.ts'

/** Requests whose latency is measured, and a concurrent load that disturbs them. */
export interface Disturbance {
  watcher: Loader
  watched: LoadJob
  disturber: Loader
  disturbing: LoadJob
}

/** The effect of the disturbance on the watched requests. */
export interface Disturbed {
  /** The ratio of p99 with and without the disturbance, the median of all rounds. */
  ratio: number
  quiet: LoadResult[]
  disturbed: LoadResult[]
  disturbing: LoadResult[]
}

const ROUNDS = 7
const SECONDS = 4

/** Measures alternately without and with the disturbance. */
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

/** The medians of several runs in a line of text. */
export function runsText(name: string, runs: readonly LoadResult[]): string {
  const of = (pick: (run: LoadResult) => number) => median(runs.map(pick))
  const statuses = Object.entries(sumOf(runs)).map(([status, count]) => `${count} x ${status}`)
  return (
    `${name}: ${of((it) => it.replies / it.seconds).toFixed(0)} requests/s ` +
    `(${statuses.join(', ')}), p50 ${of((it) => it.p50).toFixed(2)} ms, ` +
    `p99 ${of((it) => it.p99).toFixed(2)} ms`
  )
}

// Starts half a second later, when the disturbance has begun.
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
