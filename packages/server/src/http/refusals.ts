import type { RequestInfo } from '../context.ts'
import type { Doors } from '../db/tenancy.ts'
import { type AuditEntry, recordAudit } from './audit.ts'

const WINDOW_MS = 60_000
const MAX_OPEN_WINDOWS = 1_000

/** Writes refusals to the audit log, outside the refused request's transaction. */
export interface Refusals {
  note(tenantId: string, request: RequestInfo, entry: AuditEntry): void
  /** Writes what is still being counted; called at shutdown. */
  flush(): Promise<void>
}

interface Window {
  tenantId: string
  request: RequestInfo
  entry: AuditEntry
  suppressed: number
  timer: NodeJS.Timeout
}

/**
 * A flood of refusals must not become a flood of rows: of equal ones (tenant, action, address) the
 * first is written at once, those of the next minute as one row that counts them.
 */
export function createRefusals(doors: Doors, onError: (error: unknown) => void): Refusals {
  const windows = new Map<string, Window>()
  const writing = new Set<Promise<void>>()

  function write(tenantId: string, request: RequestInfo, entry: AuditEntry): void {
    const done = doors
      .inTenant(tenantId, (db) => recordAudit(db, request, entry))
      .catch(onError)
      .finally(() => writing.delete(done))
    writing.add(done)
  }

  function close(key: string): void {
    const window = windows.get(key)
    if (window === undefined) return
    clearTimeout(window.timer)
    windows.delete(key)
    if (window.suppressed === 0) return
    const meta = { ...window.entry.meta, repeated: window.suppressed }
    write(window.tenantId, window.request, { ...window.entry, meta })
  }

  return {
    note(tenantId, request, entry) {
      const key = `${tenantId} ${entry.action} ${request.address}`
      const window = windows.get(key)
      if (window !== undefined) {
        window.suppressed++
        return
      }
      const oldest = windows.keys().next().value
      if (windows.size >= MAX_OPEN_WINDOWS && oldest !== undefined) close(oldest)
      const timer = setTimeout(() => close(key), WINDOW_MS).unref()
      windows.set(key, { tenantId, request, entry, suppressed: 0, timer })
      write(tenantId, request, entry)
    },
    async flush() {
      for (const key of [...windows.keys()]) close(key)
      await Promise.all(writing)
    },
  }
}
