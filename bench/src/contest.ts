import type { Child } from './child.ts'
import type { Measured } from './figure.ts'
import type { LoadJob } from './load_job.ts'
import type { Loader } from './loader.ts'
import { median } from './statistics.ts'

/** One of several servers that are compared. */
export interface Contender {
  name: string
  server: Child
  /** Its load; the contest sets the duration. */
  job: Omit<LoadJob, 'port' | 'seconds'>
}

/** The result of one round, or the median of several. CPU in microseconds, latency in milliseconds. */
export interface RoundResult {
  cpuPerRequest: number
  perSecond: number
  p50: number
  p99: number
}

export interface ContestSettings {
  rounds: number
  seconds: number
}

type Load = Pick<LoadJob, 'connections' | 'pauseMs'>

/**
 * One request after the other on two connections: the server always has one to process, and never two in
 * the same iteration of its event loop, which would favour the cheaper contender.
 */
export const busyLoad: Load = { connections: 2 }

/** About 5,000 requests a second to each contender. */
export const evenLoad: Load = { connections: 64, pauseMs: 10 }

/** About 1,500 requests a second: with PostgreSQL on the same two cores, writes can reach little more. */
export const writingLoad: Load = { connections: 64, pauseMs: 40 }

const defaults: ContestSettings = { rounds: 7, seconds: 3 }

/**
 * Loads the contenders alternately, so that other work on the machine affects all of them alike. Returns
 * every round of each, in the order of the contenders.
 */
export async function contest(
  loader: Loader,
  contenders: readonly Contender[],
  { rounds, seconds }: ContestSettings = defaults,
): Promise<RoundResult[][]> {
  for (const it of contenders) await runRound(loader, it, seconds)
  const results: RoundResult[][] = contenders.map(() => [])
  for (let round = 0; round < rounds; round++) {
    for (const [at, it] of contenders.entries()) {
      results[at]?.push(await runRound(loader, it, seconds))
    }
  }
  return results
}

/** Two servers that are compared by the CPU cost of the same requests. */
export interface Duel {
  requests: LoadJob['requests']
  server: Child
  other: Pick<Contender, 'name' | 'server'>
}

/** The CPU cost of a request to the server, as a multiple of its cost to the other one. */
export async function cpuAgainst(
  loader: Loader,
  { requests, server, other }: Duel,
  load: Load,
): Promise<Measured> {
  const job = { ...load, requests }
  const own = { name: 'tenantry', server }
  const [ours = [], theirs = []] = await contest(loader, [
    { ...own, job },
    { ...other, job },
  ])
  return {
    value: ratioOf('cpuPerRequest', ours, theirs),
    notes: [resultText(own.name, ours), resultText(other.name, theirs)],
  }
}

/** The median of the rounds' ratios between two contenders. */
export function ratioOf(
  key: keyof RoundResult,
  ours: readonly RoundResult[],
  theirs: readonly RoundResult[],
): number {
  return median(ours.map((it, at) => it[key] / (theirs[at]?.[key] ?? Number.NaN)))
}

/** The medians of one contender in a line of text. */
export function resultText(name: string, results: readonly RoundResult[]): string {
  const of = (key: keyof RoundResult) => median(results.map((it) => it[key]))
  return (
    `${name}: ${of('cpuPerRequest').toFixed(1)} us of CPU a request, ` +
    `${Math.round(of('perSecond'))} requests/s, ` +
    `p50 ${of('p50').toFixed(2)} ms, p99 ${of('p99').toFixed(2)} ms`
  )
}

async function runRound(
  loader: Loader,
  { name, server, job }: Contender,
  seconds: number,
): Promise<RoundResult> {
  const before = await server.reading()
  const {
    replies,
    statuses,
    seconds: took,
    p50,
    p99,
  } = await loader.run({
    ...job,
    port: server.port,
    seconds,
  })
  const after = await server.reading()
  const odd = Object.keys(statuses).filter((it) => !it.startsWith('2'))
  if (odd.length > 0 || replies === 0) {
    throw new Error(`${name} did not serve its load: ${JSON.stringify(statuses)}`)
  }
  const cpuPerRequest = (after.cpuMicros - before.cpuMicros) / replies
  return { cpuPerRequest, perSecond: replies / took, p50, p99 }
}
