import type { RequestInfo } from '../app/context.ts'
import { backgroundScope, type Database } from '../db/tenancy.ts'
import { counter, type Metric, type Sample } from '../lib/metric.ts'
import { clientKey } from '../lib/net/client_key.ts'
import { type AuditEntry, recordAudit } from './audit_log.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS
const MAX_OPEN_WINDOWS = 1_000
const MAX_WRITING = 20
/** Clients with rows of their own, for each tenant and action. All further ones share a row. */
const MAX_CLIENTS = 5
/** Rows of one tenant and UTC day, from one server. Then one row an hour counts what was rejected. */
const MAX_ROWS_PER_DAY = 1_000

/** A rejected request. */
export interface Rejection extends AuditEntry {
  /** The user it concerns. The row names this user only if this tenant has them as a member. */
  about?: string | undefined
}

/** What became of the rejections, for metrics. */
export interface RejectionStats {
  /** Rows written. */
  written: number
  /** Rows that could not be written. */
  failed: number
  /** Rejections without a row of their own: a later row counts them. */
  counted: number
}

/** The rejections of some time that share a tenant and an action, and a client unless `client` is ''. */
interface Window {
  tenantId: string
  action: string
  client: string
  suppressed: number
  timer: NodeJS.Timeout
}

/**
 * Writes rejections to the audit log, outside the rejected request's transaction. A flood of rejections
 * must not become a flood of rows, because no role of a server can delete them. The first rejection of a
 * tenant, action and client is written immediately, and one row counts the further ones of the same minute.
 * Beyond a few clients, and beyond a number of rows a day, one row counts all clients.
 */
export class Rejections {
  readonly #database: Database
  readonly #onError: (error: unknown) => void
  readonly #maxRowsPerDay: number
  readonly #rowsToday = new Map<string, number>()
  #today = 0
  readonly #windows = new Map<string, Window>()
  readonly #writing = new Set<Promise<void>>()
  readonly #stats: RejectionStats = { written: 0, failed: 0, counted: 0 }

  constructor(
    database: Database,
    onError: (error: unknown) => void,
    maxRowsPerDay = MAX_ROWS_PER_DAY,
  ) {
    this.#database = database
    this.#onError = onError
    this.#maxRowsPerDay = maxRowsPerDay
  }

  record(tenantId: string, request: RequestInfo, rejection: Rejection): void {
    const { action } = rejection
    const of = (client: string) => ({ tenantId, action, client })
    const own = of(clientKey(request.address))
    if (this.#count(own) || this.#count(of(''))) return
    if (!this.#hasRoomToday(tenantId)) this.#open(of(''), HOUR_MS, 1)
    else if (this.#clientsOf(own) >= MAX_CLIENTS) this.#open(of(''), MINUTE_MS, 1)
    // Bounds the connections that a flood from many tenants can occupy.
    else if (this.#writing.size >= MAX_WRITING) this.#open(own, MINUTE_MS, 1)
    else {
      this.#open(own, MINUTE_MS, 0)
      this.#write(tenantId, request, rejection)
    }
  }

  /** Writes the open counts and waits for all writes. Called at shutdown. */
  async flush(): Promise<void> {
    for (const key of [...this.#windows.keys()]) this.#close(key)
    while (this.#writing.size > 0) await Promise.all(this.#writing)
  }

  metrics(): Metric[] {
    const samples = () =>
      Object.entries(this.#stats).map(([outcome, it]): Sample => [{ outcome }, it])
    const help = 'Rejections for the audit log, by outcome.'
    return [counter('tenantry_rejections_total', help, ['outcome'], samples)]
  }

  #count(of: WindowOf): boolean {
    const window = this.#windows.get(keyOf(of))
    if (window === undefined) return false
    window.suppressed++
    this.#stats.counted++
    return true
  }

  #clientsOf({ tenantId, action }: WindowOf): number {
    const open = [...this.#windows.values()]
    return open.filter((it) => it.tenantId === tenantId && it.action === action).length
  }

  #hasRoomToday(tenantId: string): boolean {
    const today = Math.floor(Date.now() / DAY_MS)
    if (today !== this.#today) this.#rowsToday.clear()
    this.#today = today
    return (this.#rowsToday.get(tenantId) ?? 0) < this.#maxRowsPerDay
  }

  #open(of: WindowOf, milliseconds: number, suppressed: number): void {
    const oldest = this.#windows.keys().next().value
    if (this.#windows.size >= MAX_OPEN_WINDOWS && oldest !== undefined) this.#close(oldest)
    const key = keyOf(of)
    const timer = setTimeout(() => this.#close(key), milliseconds).unref()
    this.#windows.set(key, { ...of, suppressed, timer })
    this.#stats.counted += suppressed
  }

  #close(key: string): void {
    const window = this.#windows.get(key)
    if (window === undefined) return
    clearTimeout(window.timer)
    this.#windows.delete(key)
    if (window.suppressed === 0) return
    const { tenantId, action, client, suppressed } = window
    // The requests may have come from many people: the row names the client, if there is one, and the count.
    const request = { id: '', address: client, userAgent: '' }
    this.#write(tenantId, request, { action, meta: { repeated: suppressed } })
  }

  #write(tenantId: string, request: RequestInfo, rejection: Rejection): void {
    this.#rowsToday.set(tenantId, (this.#rowsToday.get(tenantId) ?? 0) + 1)
    const done = this.#database
      .inTenant(backgroundScope(tenantId), async (db) => {
        const { about, ...entry } = rejection
        await recordAudit(db, request, { ...entry, ...(await memberAs(db, about)) })
      })
      .then(() => void this.#stats.written++)
      .catch((error: unknown) => {
        this.#stats.failed++
        this.#onError(error)
      })
      .finally(() => this.#writing.delete(done))
    this.#writing.add(done)
  }
}

type WindowOf = Pick<Window, 'tenantId' | 'action' | 'client'>

function keyOf({ tenantId, action, client }: WindowOf): string {
  return `${tenantId} ${action} ${client}`
}

// A user without a membership here stays unnamed: the tenant's log must not disclose that this user
// exists elsewhere.
async function memberAs(
  db: Parameters<typeof recordAudit>[0],
  userId: string | undefined,
): Promise<Pick<AuditEntry, 'entity' | 'entity_id'>> {
  if (userId === undefined) return {}
  const member = await db
    .selectFrom('tenantry.members')
    .select('user_id')
    .where('user_id', '=', userId)
    .executeTakeFirst()
  return member === undefined ? {} : { entity: 'users', entity_id: userId }
}
