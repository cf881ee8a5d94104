import { availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os'
import type { TemporaryDatabase } from '../../packages/server/src/db/provisioning/temporary_database.ts'
import { asSuperuser } from './database.ts'

/** The machine and software of the measurement, one line each. */
export async function describeMachine(database: TemporaryDatabase): Promise<string[]> {
  const [row] = await asSuperuser<{ server_version: string }>(database, 'show server_version')
  const [cpu] = cpus()
  return [
    `${availableParallelism()} cores of ${cpu?.model.trim() ?? 'an unknown processor'}, ` +
      `${Math.round(totalmem() / 2 ** 30)} GB of memory, ${type()} ${release()}`,
    `Node ${process.versions.node}, PostgreSQL ${row?.server_version} (embedded, not durable), ` +
      'all processes on this one machine',
    `load average at the start: ${loadavg()
      .map((it) => it.toFixed(1))
      .join(', ')}`,
  ]
}
