import { randomUUID } from 'node:crypto'
import { loadConfig } from '../../packages/server/src/config/config.ts'
import { withClient } from '../../packages/server/src/db/connect/with_client.ts'
import type { TemporaryDatabase } from '../../packages/server/src/db/provisioning/temporary_database.ts'

/** The settings of a worker on this database. */
export function settingsOf({ urls }: TemporaryDatabase): Record<string, string> {
  return {
    DB_URL: urls.app,
    DB_IDENTITY_URL: urls.identity,
    DB_JOBS_URL: urls.jobs,
    REQUEST_WAIT_MS: '20000',
  }
}

export function configOf(database: TemporaryDatabase) {
  return loadConfig(settingsOf(database))
}

/** Makes tenants without members. Returns their ids. */
export async function makeTenants({ urls }: TemporaryDatabase, count: number): Promise<string[]> {
  const ids = Array.from({ length: count }, () => randomUUID())
  await withClient(urls.platform, (client) =>
    client.query(
      `insert into tenantry.tenants (id, name, subdomain, code)
       select id, 'B', 'bench-' || n, 'BENCH_' || n
       from unnest($1::uuid[]) with ordinality it (id, n)`,
      [ids],
    ),
  )
  return ids
}
