import type { LoadJob, LoadResult } from '../load_job.ts'
import { openConnection } from './connection.ts'
import { requestTexts } from './request_texts.ts'

/** Sends the requests of a job until its time or count is reached. Rejects when a connection breaks. */
export async function runLoad(job: LoadJob): Promise<LoadResult> {
  const next = requestTexts(job.requests)
  const latencies: number[] = []
  const statuses: Record<string, number> = {}
  const startedAt = performance.now()
  const endsAt = startedAt + (job.seconds ?? Number.POSITIVE_INFINITY) * 1_000
  let left = job.count ?? Number.POSITIVE_INFINITY

  async function worker(): Promise<void> {
    const connection = await openConnection(job.port)
    while (left > 0 && performance.now() < endsAt) {
      left--
      const sentAt = performance.now()
      const status = await connection.send(next())
      latencies.push(performance.now() - sentAt)
      statuses[status] = (statuses[status] ?? 0) + 1
      if (job.pauseMs !== undefined) await pause(job.pauseMs)
    }
    connection.close()
  }

  await Promise.all(Array.from({ length: job.connections }, worker))
  const seconds = (performance.now() - startedAt) / 1_000
  latencies.sort((a, b) => a - b)
  const at = (share: number) => latencies[Math.floor((latencies.length - 1) * share)] ?? 0
  return { seconds, replies: latencies.length, statuses, p50: at(0.5), p99: at(0.99) }
}

// Randomized, because synchronized connections would send in waves.
function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms * (0.5 + Math.random())))
}
