import { type Kysely, sql } from 'kysely'
import type { KernelTables } from '../../db/tables.ts'
import { backgroundScope, type Database } from '../../db/tenancy.ts'
import type { AccessClaims } from '../tokens.ts'

/** Which browser sessions were used lately. A use postpones the end of an idle session. */
export interface SessionUses {
  /** Notes that a session was used now. Costs no wait and no statement. */
  note(claims: AccessClaims): void
  /** Writes the uses since the last call, at most one for each session. */
  flush(): Promise<void>
}

interface Use {
  tenantId: string
  /** By performance.now(): the database has another clock, so only the age is sent. */
  at: number
}

export function createSessionUses(database: Database, idleDays: number): SessionUses {
  let uses = new Map<string, Use>()
  return {
    note({ sessionId, tenantId }) {
      const use = uses.get(sessionId)
      if (use === undefined) uses.set(sessionId, { tenantId, at: performance.now() })
      else use.at = performance.now()
    },
    async flush() {
      const taken = uses
      uses = new Map()
      const results = await inOrder(byTenant(taken), ([tenantId, used]) =>
        database.inTenant(backgroundScope(tenantId), (db) => extend(db, used, idleDays)),
      )
      const failed = results.find((it) => it.status === 'rejected')
      if (failed !== undefined) throw failed.reason
    },
  }
}

type Used = [sessionId: string, use: Use][]

function byTenant(uses: Map<string, Use>): Map<string, Used> {
  const found = new Map<string, Used>()
  for (const [sessionId, use] of uses) {
    const used = found.get(use.tenantId) ?? []
    used.push([sessionId, use])
    found.set(use.tenantId, used)
  }
  return found
}

// One after the other: requests need the connections. A tenant that fails does not stop the others.
async function inOrder<T>(items: Iterable<T>, work: (item: T) => Promise<void>) {
  const results: PromiseSettledResult<void>[] = []
  for (const item of items) results.push(...(await Promise.allSettled([work(item)])))
  return results
}

// A session that has ended is never revived. A raised end invalidates nothing: a cached session whose end has
// come is read again before it is refused. A locked session is being revoked or extended elsewhere; skipping
// it also rules out a deadlock with a statement that locks several sessions in another order.
async function extend(db: Kysely<KernelTables>, used: Used, idleDays: number): Promise<void> {
  const now = performance.now()
  const ids = used.map(([id]) => id)
  const ages = used.map(([, { at }]) => (now - at) / 1_000)
  await sql`
    with held as (
      select s.id, now() - make_interval(secs => used.age) as used_at
      from unnest(${ids}::uuid[], ${ages}::float8[]) as used (id, age)
      join tenantry.sessions s on s.id = used.id
      where s.kind = 'cookie' and s.revoked_at is null and s.idle_expires_at > now()
      for no key update of s skip locked
    )
    update tenantry.sessions s set
      last_seen_at = greatest(s.last_seen_at, held.used_at),
      idle_expires_at = greatest(s.idle_expires_at,
        least(s.expires_at, held.used_at + make_interval(days => ${idleDays})))
    from held where s.id = held.id`.execute(db)
}
