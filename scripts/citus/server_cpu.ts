import { readFileSync } from 'node:fs'
import { withClient } from '../../packages/server/src/db/connect/with_client.ts'

/** The CPU time of each process of a database on this machine, in microseconds, by the process's id. */
export type CpuTimes = ReadonlyMap<number, number>

/** Reads them, of the database of a superuser's DSN, without the connection that asks. */
export async function cpuTimesOf(adminUrl: string): Promise<CpuTimes> {
  return withClient(adminUrl, async (client) => {
    const { rows } = await client.query<{ pid: number }>(
      'select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
    )
    return new Map(rows.map(({ pid }) => [pid, cpuOf(pid)]))
  })
}

/** What was used in between. A process that has begun since then began at zero. */
export function cpuSince(before: CpuTimes, after: CpuTimes): number {
  return [...after].reduce((sum, [pid, used]) => sum + used - (before.get(pid) ?? 0), 0)
}

// Nanoseconds on a CPU, and two other numbers.
function cpuOf(pid: number): number {
  const [nanoseconds = '0'] = readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')
  return Number(nanoseconds) / 1_000
}
