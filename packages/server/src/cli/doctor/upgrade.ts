import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { App } from '../../app/define_app.ts'
import type { CommandConfig } from '../../config/config.ts'
import {
  type History,
  histories,
  lastMigratedBy,
  type MigrationStatus,
  migrationFault,
  migrationStatus,
} from '../../db/migrations/migrate.ts'
import type { ChosenDatabase } from '../../db/provisioning/choose_database.ts'
import { kernelVersion } from '../../lib/kernel_version.ts'
import type { Check } from './check.ts'

type Urls = ChosenDatabase['urls']

/** Whether migrations are pending, and what `tenantry migrate up` would do. */
export async function checkMigrations(
  { production }: CommandConfig,
  urls: Urls,
  app: App | undefined,
): Promise<Check[]> {
  if (app === undefined) return []
  const { all, url, statuses } = await migrationsOf(urls, app)
  const name = 'migrations'
  const fault = migrationFault(statuses)
  const version = await versionCheck(url)
  if (fault === undefined) {
    const applied = statuses.flatMap((it) => it.applied).length
    return [version, { name, state: 'ok', detail: `${applied} applied, none pending` }]
  }
  const ahead = statuses.some(({ unknown }) => unknown.length > 0)
  const willApply = !production && !ahead && urls.owner !== undefined
  const check: Check = { name, state: willApply ? 'warn' : 'fail', detail: fault }
  return [version, check, ...(ahead ? [] : await upgradeChecks(all, statuses))]
}

/** Does the database lack migrations of the kernel or the app? */
export async function isBehind(urls: Urls, app: App | undefined): Promise<boolean> {
  if (app === undefined) return false
  return (await migrationsOf(urls, app)).statuses.some(({ pending }) => pending.length > 0)
}

async function migrationsOf(urls: Urls, { migrations }: App) {
  const all = histories(fileURLToPath(migrations))
  const url = urls.owner ?? urls.identity
  return { all, url, statuses: await migrationStatus(url, all) }
}

/** The version of this code, and the one that last migrated the database of this DSN. */
async function versionCheck(url: string): Promise<Check> {
  const [code, database] = [kernelVersion(), await lastMigratedBy(url)]
  const last = database === undefined ? 'not migrated yet' : `last migrated by tenantry ${database}`
  return { name: 'version', state: 'ok', detail: `tenantry ${code}; the database was ${last}` }
}

/** What `tenantry migrate up` would do: a line for each pending migration. */
async function upgradeChecks(
  all: readonly History[],
  statuses: readonly MigrationStatus[],
): Promise<Check[]> {
  const pending = all.flatMap(({ name, folder }) =>
    (statuses.find(({ history }) => history === name)?.pending ?? []).map((migration) => ({
      name,
      migration,
      file: join(folder, `${migration}.up.sql`),
    })),
  )
  if (pending.length === 0) return []
  const count = pending.length === 1 ? '1 migration' : `${pending.length} migrations`
  const summary: Check = { name: 'upgrade', state: 'ok', detail: `migrate up will apply ${count}` }
  const each = pending.map(async ({ name, migration, file }): Promise<Check> => {
    const risks = risksIn(await readFile(file, 'utf8'))
    const detail = `${name} ${migration}`
    if (risks.length === 0) return { name: 'upgrade', state: 'ok', detail }
    const warning = `${detail} has "${risks.join('", "')}": read ${file} first`
    return { name: 'upgrade', state: 'warn', detail: warning }
  })
  return [summary, ...(await Promise.all(each))]
}

const RISKY =
  /\b(drop\s+(?:table|column|schema)|truncate|delete\s+from|alter\s+column\s+\S+\s+type)\b/gi

/** The statements of a migration that delete data, or that lock a table while they rewrite it. */
function risksIn(sql: string): string[] {
  const found = sql.replaceAll(/--.*/g, '').match(RISKY) ?? []
  return [...new Set(found.map((it) => it.toLowerCase().replaceAll(/\s+/g, ' ')))]
}
