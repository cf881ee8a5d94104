import type { App } from '../app/define_app.ts'
import type { CommandConfig } from '../config/config.ts'
import type { ChosenDatabase } from '../db/provisioning/choose_database.ts'
import type { AppParts } from './app_parts.ts'
import { seedDemo } from './seed_demo.ts'
import { withPlatformDatabase } from './with_database.ts'

/**
 * Writes the demo data into a database that holds nothing else. A database with other tenants is left
 * unchanged: a start must never add accounts with well-known passwords to it.
 */
export async function seedIfEmpty(
  config: CommandConfig,
  chosen: ChosenDatabase,
  { demo }: App,
  { database, passwords }: Pick<AppParts, 'database' | 'passwords'>,
): Promise<void> {
  if (demo === undefined || chosen.urls.platform === undefined) return
  const wanted = demo.tenants.map((it) => it.subdomain)
  const present = await database.asIdentity({ deadline: 'background' }, (db) =>
    db.selectFrom('tenantry.tenants').select('subdomain').execute(),
  )
  const missing = wanted.filter((it) => !present.some(({ subdomain }) => subdomain === it))
  const foreign = present.filter(({ subdomain }) => !wanted.includes(subdomain))
  if (missing.length === 0 || foreign.length > 0) return
  await withPlatformDatabase(config, chosen, (all) => seedDemo(all, passwords, demo))
}
