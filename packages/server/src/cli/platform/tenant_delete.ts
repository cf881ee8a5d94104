import type { Command } from 'commander'
import { OperatorError } from '../../lib/operator_error.ts'
import { holdNames, releaseSubdomain } from '../../modules/held_names/held_names.ts'
import { type ErasedRows, eraseTenant, markDeleting } from '../../modules/tenants/erase_tenant.ts'
import { findTenant } from '../../modules/tenants/tenants.ts'
import { printJson, printTable } from '../print.ts'
import {
  noTenant,
  type PlatformCommand,
  type PlatformOptions,
  reasonOf,
  recordPlatformAction,
  runPlatformCommand,
  withPlatformOptions,
} from './platform_command.ts'

type DeleteOptions = PlatformOptions & { yes?: boolean }

/** Adds `delete` and `release` to `tenantry tenant`. */
export function addDeleteCommand(tenant: Command): void {
  withPlatformOptions(tenant.command('delete <subdomain>'))
    .description('delete a suspended tenant with all its rows; cannot be undone')
    .option('--yes', 'delete; without it, the command only says what would be deleted')
    .action(remove)
  withPlatformOptions(tenant.command('release <subdomain>'))
    .description('free the subdomain of a deleted tenant, which is held for HELD_NAME_DAYS')
    .action(release)
}

async function release(subdomain: string, options: PlatformOptions): Promise<void> {
  const released = await runPlatformCommand(({ database }) =>
    database.acrossTenants(reasonOf(options), (db) => releaseSubdomain(db, subdomain)),
  )
  if (options.json) return printJson({ subdomain, released })
  console.log(`subdomain ${subdomain} ${released ? 'is free' : 'was not held'}`)
}

async function remove(subdomain: string, options: DeleteOptions): Promise<void> {
  const { id, erased } = await runPlatformCommand(async (command) => {
    const tenant = await beginDeletion(command, subdomain, options)
    const inPlatform: Parameters<typeof eraseTenant>[0] = (work) =>
      command.database.acrossTenants(reasonOf(options), async (db) => {
        await holdNames(db, command.config)
        return work(db)
      })
    return { id: tenant.id, erased: await eraseTenant(inPlatform, tenant.id) }
  })
  if (options.json) return printJson({ subdomain, id, deleted: erased })
  printDeleted(subdomain, erased)
}

async function beginDeletion(
  { database, config }: PlatformCommand,
  subdomain: string,
  options: DeleteOptions,
) {
  return database.acrossTenants(reasonOf(options), async (db) => {
    const tenant = await findTenant(db, subdomain)
    if (tenant === undefined) throw noTenant(subdomain)
    assertMayDelete(tenant, options)
    const { id: tenant_id, status } = tenant
    await holdNames(db, config)
    await markDeleting(db, tenant_id)
    // Repeated after an interruption, it is the same deletion.
    if (status !== 'deleting') {
      const meta = { status: 'deleting', reason: reasonOf(options) }
      await recordPlatformAction(db, { action: 'tenants.delete', tenant_id, meta })
    }
    return tenant
  })
}

function assertMayDelete(
  { subdomain, name, status, members }: Awaited<ReturnType<typeof findTenant>> & object,
  { yes }: DeleteOptions,
): void {
  if (status === 'active') {
    throw new OperatorError(
      `"${name}" is in use: first run tenantry tenant suspend ${subdomain}, which can be undone`,
    )
  }
  if (yes) return
  throw new OperatorError(
    `nothing is deleted yet: "${name}" has ${members} ${members === 1 ? 'member' : 'members'}. ` +
      'To delete all its rows, and the people who belong to no other tenant, add --yes',
  )
}

function printDeleted(subdomain: string, erased: ErasedRows[]): void {
  console.log(`tenant ${subdomain} is deleted; its audit log is kept`)
  if (erased.length === 0) return
  printTable(
    ['TABLE', 'ROWS'],
    erased.map(({ table, rows }) => [table, String(rows)]),
  )
}
