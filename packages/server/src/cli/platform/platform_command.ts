import type { Kysely } from 'kysely'
import type { RequestInfo } from '../../app/context.ts'
import type { App } from '../../app/define_app.ts'
import { type AuditEntry, recordAudit } from '../../audit/audit_log.ts'
import { type CommandConfig, loadCommandConfig, readEnvironment } from '../../config/config.ts'
import type { KernelTables } from '../../db/tables.ts'
import type { PlatformDatabase } from '../../db/tenancy.ts'
import { newRequestId } from '../../http/request/request_id.ts'
import { loadApp } from '../../runtime/load_app.ts'
import { bringUpToDate, withDatabase, withPlatformDatabase } from '../../runtime/open_database.ts'

/** What an operator's command works with. */
export interface Operation {
  app: App
  config: CommandConfig
  database: PlatformDatabase
}

/** What every operator's command takes. */
export interface OperatorOptions {
  reason?: string
  json?: boolean
}

const MAX_REASON = 500

/** Opens the operators' doors for one command. */
export async function operate<T>(work: (operation: Operation) => Promise<T>): Promise<T> {
  const config = loadCommandConfig(readEnvironment(process.cwd()))
  const app = await loadApp(process.cwd())
  return withDatabase(config, async (database) => {
    if (!config.production) await bringUpToDate(database, app, false)
    return withPlatformDatabase(config, database, (database) => work({ app, config, database }))
  })
}

/** Tells a tenant's own log what an operator did to it, in the transaction that did it. */
export function recordOperation(
  db: Kysely<KernelTables>,
  entry: AuditEntry & { tenant_id: string },
): Promise<void> {
  const about = { entity: 'tenants', entity_id: entry.tenant_id }
  return recordAudit(db, operatorRequest(), { ...about, ...entry })
}

/** A command stands in for a request: it has an id, and comes from nowhere. */
export function operatorRequest(): RequestInfo {
  return { id: newRequestId(), address: '', userAgent: 'tenantry' }
}

/** Why the door across tenants is opened: as the operator says, or the command itself. */
export function reasonOf({ reason }: OperatorOptions): string {
  return (reason ?? `tenantry ${process.argv.slice(2).join(' ')}`).slice(0, MAX_REASON)
}
