import type { RequestInfo } from '../app/context.ts'
import { backgroundScope, type Database } from '../db/tenancy.ts'
import { counter, type Metric, type Sample } from '../lib/metric.ts'
import { clientKey } from '../lib/net/client_key.ts'
import { type AuditEntry, recordAudit } from './audit_log.ts'

const WINDOW_MS = 60_000
const MAX_OPEN_WINDOWS = 1_000
const MAX_WRITING = 20

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

/** One minute of the rejections that share a tenant, an action and a client. */
interface Window {
  tenantId: string
  action: string
  subject: string
  suppressed: number
  timer: NodeJS.Timeout
}

/**
 * Writes rejections to the audit log, outside the rejected request's transaction. A flood of rejections
 * must not become a flood of rows: the first rejection of a tenant, action and client is written
 * immediately, and one row counts the further ones of the same minute.
 */
export class Rejections {
  readonly #database: Database
  readonly #onError: (error: unknown) => void
  readonly #windows = new Map<string, Window>()
  readonly #writing = new Set<Promise<void>>()
  readonly #stats: RejectionStats = { written: 0, failed: 0, counted: 0 }

  constructor(database: Database, onError: (error: unknown) => void) {
    this.#database = database
    this.#onError = onError
  }

  record(tenantId: string, request: RequestInfo, rejection: Rejection): void {
    const { action } = rejection
    const subject = clientKey(request.address)
    const key = `${tenantId} ${action} ${subject}`
    if (this.#count(key)) return
    this.#open(key, { tenantId, action, subject })
    // Bounds the connections that a flood from many addresses can occupy.
    if (this.#writing.size >= MAX_WRITING) this.#count(key)
    else this.#write(tenantId, request, rejection)
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

  #count(key: string): boolean {
    const window = this.#windows.get(key)
    if (window === undefined) return false
    window.suppressed++
    this.#stats.counted++
    return true
  }

  #open(key: string, window: Pick<Window, 'tenantId' | 'action' | 'subject'>): void {
    const oldest = this.#windows.keys().next().value
    if (this.#windows.size >= MAX_OPEN_WINDOWS && oldest !== undefined) this.#close(oldest)
    const timer = setTimeout(() => this.#close(key), WINDOW_MS).unref()
    this.#windows.set(key, { ...window, suppressed: 0, timer })
  }

  #close(key: string): void {
    const window = this.#windows.get(key)
    if (window === undefined) return
    clearTimeout(window.timer)
    this.#windows.delete(key)
    if (window.suppressed === 0) return
    const { tenantId, action, subject, suppressed } = window
    // The requests may have come from many people: the row names the client and the count only.
    const request = { id: '', address: subject, userAgent: '' }
    this.#write(tenantId, request, { action, meta: { repeated: suppressed } })
  }

  #write(tenantId: string, request: RequestInfo, rejection: Rejection): void {
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
