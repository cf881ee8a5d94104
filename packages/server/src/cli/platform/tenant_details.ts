import type { Command } from 'commander'
import { findTenant, renameTenant } from '../../modules/tenants/tenants.ts'
import { printJson } from '../print.ts'
import { nameOf } from './arguments.ts'
import {
  noTenant,
  type PlatformOptions,
  reasonOf,
  recordPlatformAction,
  runPlatformCommand,
  withPlatformOptions,
} from './platform_command.ts'

/** Adds `show` and `rename` to `tenantry tenant`. */
export function addDetailCommands(tenant: Command): void {
  withPlatformOptions(tenant.command('show <subdomain>'))
    .description('show one tenant: its status, limits and number of members')
    .action(show)
  withPlatformOptions(tenant.command('rename <subdomain>'))
    .description('change the display name; the subdomain stays, because links lead to it')
    .requiredOption('--name <name>', 'display name', nameOf)
    .action(rename)
}

async function show(subdomain: string, options: PlatformOptions): Promise<void> {
  const tenant = await runPlatformCommand(({ database }) =>
    database.acrossTenants(reasonOf(options), (db) => findTenant(db, subdomain)),
  )
  if (tenant === undefined) throw noTenant(subdomain)
  if (options.json) return printJson(tenant)
  const { rate, concurrency, ...others } = tenant
  const lines = { ...others, rate: limitText(rate), concurrency: limitText(concurrency) }
  for (const [name, value] of Object.entries(lines)) console.log(`${name.padEnd(12)} ${value}`)
}

async function rename(subdomain: string, options: PlatformOptions & { name: string }) {
  const { name, json } = options
  const before = await runPlatformCommand(({ database }) =>
    database.acrossTenants(reasonOf(options), async (db) => {
      const tenant = await findTenant(db, subdomain)
      if (tenant === undefined) throw noTenant(subdomain)
      await renameTenant(db, tenant.id, name)
      const meta = { name, reason: reasonOf(options) }
      await recordPlatformAction(db, { action: 'tenants.update', tenant_id: tenant.id, meta })
      return tenant
    }),
  )
  if (json) printJson({ subdomain, name })
  else console.log(`tenant ${subdomain} is now called "${name}" (was "${before.name}")`)
}

/** A limit of a tenant's own, or the word for that of all tenants. */
export function limitText(limit: number | null): string {
  return limit === null ? 'default' : String(limit)
}
