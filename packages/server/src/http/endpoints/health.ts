import { fileURLToPath } from 'node:url'
import { sql } from 'kysely'
import { histories, knownMigrations } from '../../db/migrations/migrate.ts'
import { backgroundScope, type Database } from '../../db/tenancy.ts'
import type { InvalidationListener } from '../../invalidation/listener.ts'
import { unavailable } from '../../lib/errors.ts'
import { NIL_ID } from '../../lib/ids.ts'
import { type Endpoint, jsonReply } from './endpoint.ts'

const LIMIT_MS = 800
const FRESH_MS = 250

export interface Health {
  /** `/health/live`: the process answers. `/health/ready`: it can serve. */
  endpoints: Endpoint[]
  /** Makes the server not ready. Called before a shutdown, so that load balancers send no new work. */
  drain(): void
}

/** Health for load balancers: a status within a second. The reason goes to the log alone. */
export function createHealth(
  database: Database,
  appMigrations: URL,
  listener: Pick<InvalidationListener, 'isFresh'>,
): Health {
  const needed = neededBy(appMigrations)
  // Each check reports it.
  needed.catch(() => {})
  const check = shared(() => assertServing(database, needed))
  let draining = false

  async function assertReady(): Promise<void> {
    if (draining) throw notReady(new Error('shutting down'))
    await check().catch((error: unknown) => {
      throw notReady(error)
    })
  }

  return {
    endpoints: [
      { path: '/health/live', isProbe: true, respond: () => jsonReply({ status: 'ok' }) },
      {
        path: '/health/ready',
        isProbe: true,
        async respond() {
          await assertReady()
          // Ready all the same: without invalidations the server is slower, but serves from the database.
          return jsonReply({
            status: 'ok',
            invalidation: listener.isFresh() ? 'live' : 'stale',
          })
        },
      },
    ],
    drain() {
      draining = true
    },
  }
}

// Both roles that serve requests can connect, and the schema has every migration that this code needs.
async function assertServing(
  database: Database,
  needed: Promise<readonly string[]>,
): Promise<void> {
  const migrations = await needed
  await Promise.all([
    database.inTenant(backgroundScope(NIL_ID), (db) => sql`select 1`.execute(db)),
    assertMigrated(database, migrations),
  ])
}

// A newer schema is accepted: during a rolling deploy, old servers run on it.
async function assertMigrated(database: Database, needed: readonly string[]): Promise<void> {
  const { rows } = await database.asIdentity({ deadline: 'background' }, (db) =>
    sql<{ migration: string }>`
      select 'kernel ' || name as migration from tenantry.kernel_migrations
      union all select 'app ' || name from tenantry.app_migrations`.execute(db),
  )
  const applied = new Set(rows.map((it) => it.migration))
  const missing = needed.filter((it) => !applied.has(it))
  if (missing.length > 0) throw new Error(`missing migrations: ${missing.join(', ')}`)
}

// Read once, like the code: a deployment may put the files of the next version in their place.
async function neededBy(appMigrations: URL): Promise<string[]> {
  const all = histories(fileURLToPath(appMigrations)).map(async ({ name, folder }) =>
    (await knownMigrations(folder)).map((it) => `${name} ${it}`),
  )
  return (await Promise.all(all)).flat()
}

// One check runs at a time for all requests, and its outcome is reused for a moment. No request waits longer
// than the limit. A check that exceeds the limit counts as failed until it ends: further ones would pile up.
function shared(check: () => Promise<void>): () => Promise<void> {
  let outcome: Promise<void> | undefined
  let freshUntil = 0
  return () => {
    if (outcome !== undefined && performance.now() < freshUntil) return outcome
    freshUntil = Number.POSITIVE_INFINITY
    const running = check().finally(() => {
      freshUntil = performance.now() + FRESH_MS
    })
    outcome = withinLimit(running)
    return outcome
  }
}

async function withinLimit(running: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`the database did not answer within ${LIMIT_MS} ms`)),
      LIMIT_MS,
    )
  })
  await Promise.race([running, late]).finally(() => clearTimeout(timer))
}

function notReady(cause: unknown) {
  return unavailable('server.not_ready', 'The server is not ready', cause)
}
