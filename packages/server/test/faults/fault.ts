import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import type { Cluster } from './cluster.ts'
import { Load, type Status, type Target } from './load.ts'

/** The effect of a fault on the requests sent meanwhile. */
export interface Outcome {
  load: Load
  /** The number of acknowledged writes that are missing. */
  lost: number
  recoveredInMs: number
}

const BEFORE_MS = 1_000

/** Causes a fault under load and measures its effect; `fault` resolves when it is over. Prints one line. */
export async function underLoad(
  name: string,
  cluster: Cluster,
  target: Target,
  fault: () => Promise<unknown>,
  lineFor = lineOf,
): Promise<Outcome> {
  const load = new Load(target)
  load.start()
  try {
    await sleep(BEFORE_MS)
    await load.recovers(0)
    load.sent.length = 0
    await fault()
    const recoveredInMs = await load.recovers(performance.now())
    await load.stop()
    const lost = await lostOf(cluster, load.acknowledged)
    process.stdout.write(`${lineFor(name, { load, lost, recoveredInMs })}\n`)
    return { load, lost, recoveredInMs }
  } finally {
    await load.stop()
  }
}

/** The promise of every fault: no write lost, only 503 for failed requests and the `allowed` statuses. */
export function expectHarmless({ load, lost }: Outcome, allowed: Status[] = []): void {
  const statuses = new Set(load.failures().map((it) => it.status))
  expect([...statuses].filter((it) => it !== 503 && !allowed.includes(it))).toEqual([])
  expect(load.acknowledged.length).toBeGreaterThan(0)
  expect(lost).toBe(0)
}

async function lostOf(cluster: Cluster, ids: readonly string[]): Promise<number> {
  const { rows } = await cluster.asAdmin((client) =>
    client.query<{ count: number }>(
      'select count(*)::int from projects where id = any($1::uuid[])',
      [ids],
    ),
  )
  return ids.length - (rows[0]?.count ?? 0)
}

function lineOf(name: string, { load, lost, recoveredInMs }: Outcome): string {
  const slowest = Math.max(...load.sent.map((it) => it.ms))
  const seconds = (ms: number) => (ms / 1_000).toFixed(1)
  return (
    `fault: ${name}: ${load.summary()}, ${lost} of ${load.acknowledged.length} acknowledged ` +
    `writes lost, recovered ${seconds(recoveredInMs)} s after its end, slowest reply ${seconds(slowest)} s`
  )
}
