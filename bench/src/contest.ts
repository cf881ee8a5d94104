import type { Child } from './child.ts'
import type { Measured } from './figure.ts'
import type { LoadJob } from './load_job.ts'
import type { Loader } from './loader.ts'
import { median } from './statistics.ts'

/** Somebody who is measured beside others. */
export interface Contender {
  name: string
  server: Child
  /** Its load; how long is the contest's to say. */
  job: Omit<LoadJob, 'port' | 'seconds'>
}

/** What one round, or the median of several, showed. Times in microseconds and milliseconds. */
export interface Showing {
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
 * One request after the other on two connections: the server always has one, and no two share a turn
 * of its event loop, which would be cheaper still for the cheaper contender.
 */
export const busyLoad: Load = { connections: 2 }

/** About 5,000 requests a second to each contender. */
export const evenLoad: Load = { connections: 64, pauseMs: 10 }

/** About 1,500 a second: of writes, two cores that serve PostgreSQL too can do little more. */
export const writingLoad: Load = { connections: 64, pauseMs: 40 }

const usual: ContestSettings = { rounds: 7, seconds: 3 }

/**
 * Loads the contenders by turns, so that whatever else the machine does meets all of them alike.
 * Gives every round of each, in the order of the contenders.
 */
export async function contest(
  loader: Loader,
  contenders: readonly Contender[],
  { rounds, seconds }: ContestSettings = usual,
): Promise<Showing[][]> {
  for (const it of contenders) await showingOf(loader, it, seconds)
  const showings: Showing[][] = contenders.map(() => [])
  for (let round = 0; round < rounds; round++) {
    for (const [at, it] of contenders.entries()) {
      showings[at]?.push(await showingOf(loader, it, seconds))
    }
  }
  return showings
}

/** What is compared by what it costs: the same requests to our server and to another one. */
export interface Duel {
  requests: LoadJob['requests']
  server: Child
  other: Pick<Contender, 'name' | 'server'>
}

/** What a request costs our server, in those of another one that is sent the same. */
export async function cpuAgainst(
  loader: Loader,
  { requests, server, other }: Duel,
  load: Load,
): Promise<Measured> {
  const job = { ...load, requests }
  const us = { name: 'tenantry', server }
  const [ours = [], theirs = []] = await contest(loader, [
    { ...us, job },
    { ...other, job },
  ])
  return {
    value: ratioOf('cpuPerRequest', ours, theirs),
    notes: [showingText(us.name, ours), showingText(other.name, theirs)],
  }
}

/** The median over the rounds of what a round's showings of two contenders are to each other. */
export function ratioOf(
  key: keyof Showing,
  ours: readonly Showing[],
  theirs: readonly Showing[],
): number {
  return median(ours.map((it, at) => it[key] / (theirs[at]?.[key] ?? Number.NaN)))
}

/** One contender's rounds in a line, for people. */
export function showingText(name: string, showings: readonly Showing[]): string {
  const of = (key: keyof Showing) => median(showings.map((it) => it[key]))
  return (
    `${name}: ${of('cpuPerRequest').toFixed(1)} us of CPU a request, ` +
    `${Math.round(of('perSecond'))} requests/s, ` +
    `p50 ${of('p50').toFixed(2)} ms, p99 ${of('p99').toFixed(2)} ms`
  )
}

async function showingOf(
  loader: Loader,
  { name, server, job }: Contender,
  seconds: number,
): Promise<Showing> {
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
