import { fileURLToPath } from 'node:url'
import { sql } from 'kysely'
import { histories, knownMigrations } from '../../db/migrations/migrate.ts'
import { backgroundScope, type Database } from '../../db/tenancy.ts'
import type { InvalidationListener } from '../../invalidation/listener.ts'
import { unavailable } from '../../lib/errors.ts'
import { type Endpoint, jsonReply } from './endpoint.ts'

const LIMIT_MS = 800
const FRESH_MS = 250
// An id that no tenant has: UUIDv7 never makes it.
const NO_TENANT = '00000000-0000-0000-0000-000000000000'

export interface Health {
  /** `/health/live`: the process answers. `/health/ready`: it can serve. */
  endpoints: Endpoint[]
  /** From now on not ready: called before shutting down, so that no new work is sent here. */
  drain(): void
}

/** Health for load balancers. Says yes or no, within a second; why not is for the log alone. */
export function createHealth(
  database: Database,
  appMigrations: URL,
  listener: Pick<InvalidationListener, 'isFresh'>,
): Health {
  const check = shared(() => assertServing(database, appMigrations))
  let draining = false

  async function assertReady(): Promise<void> {
    if (draining) throw notReady(new Error('shutting down'))
    await check().catch((error: unknown) => {
      throw notReady(error)
    })
  }

  return {
    endpoints: [
      { path: '/health/live', respond: () => jsonReply({ status: 'ok' }) },
      {
        path: '/health/ready',
        async respond() {
          await assertReady()
          // Without announcements it serves all the same, only slower: from the database.
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

// Both doors that serve requests open, and the schema has all that this code needs.
async function assertServing(database: Database, appMigrations: URL): Promise<void> {
  await Promise.all([
    database.inTenant(backgroundScope(NO_TENANT), (db) => sql`select 1`.execute(db)),
    assertMigrated(database, appMigrations),
  ])
}

// Ahead is fine here: during a rolling deploy the old nodes run on the new schema.
async function assertMigrated(database: Database, appMigrations: URL): Promise<void> {
  const { rows } = await database.asIdentity({ deadline: 'background' }, (db) =>
    sql<{ migration: string }>`
      select 'kernel ' || name as migration from tenantry.kernel_migrations
      union all select 'app ' || name from tenantry.app_migrations`.execute(db),
  )
  const applied = new Set(rows.map((it) => it.migration))
  const missing = (await needed(appMigrations)).filter((it) => !applied.has(it))
  if (missing.length > 0) throw new Error(`missing migrations: ${missing.join(', ')}`)
}

async function needed(appMigrations: URL): Promise<string[]> {
  const all = histories(fileURLToPath(appMigrations)).map(async ({ name, folder }) =>
    (await knownMigrations(folder)).map((it) => `${name} ${it}`),
  )
  return (await Promise.all(all)).flat()
}

// However many ask, one check runs, its outcome stands a moment, and nobody waits past the limit.
// One that outlives its limit keeps answering no until it ends: more of them would pile up.
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
    timer = setTimeout(() => reject(new Error(`no answer within ${LIMIT_MS} ms`)), LIMIT_MS)
  })
  await Promise.race([running, late]).finally(() => clearTimeout(timer))
}

function notReady(cause: unknown) {
  return unavailable('server.not_ready', 'The server is not ready', cause)
}
