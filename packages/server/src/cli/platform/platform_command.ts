import type { Command } from 'commander'
import type { Kysely } from 'kysely'
import type { RequestInfo } from '../../app/context.ts'
import type { App } from '../../app/define_app.ts'
import { type AuditEntry, recordAudit } from '../../audit/audit_log.ts'
import { type CommandConfig, loadCommandConfig, readEnvironment } from '../../config/config.ts'
import type { KernelTables } from '../../db/tables.ts'
import type { PlatformDatabase } from '../../db/tenancy.ts'
import { newRequestId } from '../../http/request/request_id.ts'
import { OperatorError } from '../../lib/operator_error.ts'
import { loadApp } from '../../runtime/load_app.ts'
import { bringUpToDate, withDatabase, withPlatformDatabase } from '../../runtime/with_database.ts'
import { noteEmbedded } from '../print.ts'

/** What a command of a platform admin works with. */
export interface PlatformCommand {
  app: App
  config: CommandConfig
  database: PlatformDatabase
}

/** The options of every command of a platform admin. */
export interface PlatformOptions {
  reason?: string
  json?: boolean
}

/** Adds the options of every command of a platform admin. */
export function withPlatformOptions(command: Command): Command {
  return command
    .option('--reason <text>', 'reason for the platform log (default: the command line)')
    .option('--json', 'print JSON')
}

const MAX_REASON = 500

/** Runs a command of a platform admin with access to all tenants. */
export async function runPlatformCommand<T>(
  work: (command: PlatformCommand) => Promise<T>,
): Promise<T> {
  const config = loadCommandConfig(readEnvironment(process.cwd()))
  const app = await loadApp(process.cwd())
  return withDatabase(config, async (database) => {
    if (!config.production) await bringUpToDate(database, app, config)
    const scopes = (database: PlatformDatabase) => work({ app, config, database })
    const done = await withPlatformDatabase(config, database, scopes)
    noteEmbedded(database)
    return done
  })
}

/** The error of a command that names no existing tenant. */
export function noTenant(subdomain: string): OperatorError {
  return new OperatorError(
    `there is no tenant "${subdomain}": tenantry tenant list shows all tenants`,
  )
}

/** Records an action in the tenant's own audit log, in the transaction of the action. */
export function recordPlatformAction(
  db: Kysely<KernelTables>,
  entry: AuditEntry & { tenant_id: string },
): Promise<void> {
  const about = { entity: 'tenants', entity_id: entry.tenant_id }
  return recordAudit(db, commandRequest(), { ...about, ...entry })
}

/** Stands in for a request in logs: a command has an id, but no address. */
export function commandRequest(): RequestInfo {
  return { id: newRequestId(), address: '', userAgent: 'tenantry' }
}

/** The reason for acrossTenants: --reason, or the command line itself. */
export function reasonOf({ reason }: PlatformOptions): string {
  return (reason ?? `tenantry ${process.argv.slice(2).join(' ')}`).slice(0, MAX_REASON)
}
