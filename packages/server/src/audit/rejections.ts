import type { RequestInfo } from '../app/context.ts'
import type { Database } from '../db/tenancy.ts'
import { clientKey } from '../lib/client_key.ts'
import { type AuditEntry, recordAudit } from './audit_log.ts'

const WINDOW_MS = 60_000
const MAX_OPEN_WINDOWS = 1_000
const MAX_WRITING = 20

/** A refusal to be noted. */
export interface Rejection extends AuditEntry {
  /** A user it is about: named only where this tenant knows them as its member. */
  about?: string | undefined
}

/** Writes refusals to the audit log, outside the refused request's transaction. */
export interface Rejections {
  record(tenantId: string, request: RequestInfo, rejection: Rejection): void
  /** Writes what is still being counted; called at shutdown. */
  flush(): Promise<void>
  stats(): RejectionStats
}

/** What became of refusals, for those who watch. */
export interface RejectionStats {
  /** Of the rows that were to be written: those that are, and those that could not be. */
  written: number
  failed: number
  /** Refusals that have no row of their own. */
  counted: number
}

interface Window {
  tenantId: string
  action: string
  subject: string
  suppressed: number
  timer: NodeJS.Timeout
}

/**
 * A flood of refusals must not become a flood of rows: of those of one tenant, action and client the
 * first is written at once, the others of the next minute as one row that counts them.
 */
export function createRejections(
  database: Database,
  onError: (error: unknown) => void,
): Rejections {
  const windows = new Map<string, Window>()
  const writing = new Set<Promise<void>>()
  const stats = { written: 0, failed: 0, counted: 0 }

  function write(tenantId: string, request: RequestInfo, rejection: Rejection): void {
    const done = database
      .inTenant(tenantId, async (db) => {
        const { about, ...entry } = rejection
        await recordAudit(db, request, { ...entry, ...(await memberAs(db, about)) })
      })
      .then(() => void stats.written++)
      .catch((error: unknown) => {
        stats.failed++
        onError(error)
      })
      .finally(() => writing.delete(done))
    writing.add(done)
  }

  function close(key: string): void {
    const window = windows.get(key)
    if (window === undefined) return
    clearTimeout(window.timer)
    windows.delete(key)
    if (window.suppressed === 0) return
    const { tenantId, action, subject, suppressed } = window
    // Many requests of perhaps many people: it names the client and how often, nobody and nothing else.
    const request = { id: '', address: subject, userAgent: '' }
    write(tenantId, request, { action, meta: { repeated: suppressed } })
  }

  function countRepeated(key: string): boolean {
    const window = windows.get(key)
    if (window === undefined) return false
    window.suppressed++
    stats.counted++
    return true
  }

  return {
    record(tenantId, request, rejection) {
      const { action } = rejection
      const subject = clientKey(request.address)
      const key = `${tenantId} ${action} ${subject}`
      if (countRepeated(key)) return
      const oldest = windows.keys().next().value
      if (windows.size >= MAX_OPEN_WINDOWS && oldest !== undefined) close(oldest)
      const timer = setTimeout(() => close(key), WINDOW_MS).unref()
      // Beyond so many concurrent writes a rejection is counted only.
      const isCrowded = writing.size >= MAX_WRITING
      windows.set(key, { tenantId, action, subject, suppressed: isCrowded ? 1 : 0, timer })
      if (isCrowded) stats.counted++
      else write(tenantId, request, rejection)
    },
    async flush() {
      for (const key of [...windows.keys()]) close(key)
      while (writing.size > 0) await Promise.all(writing)
    },
    stats: () => stats,
  }
}

// Whoever has no membership here is nobody here, known elsewhere or not: the log must not tell.
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
