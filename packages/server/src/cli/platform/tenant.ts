import { Command, InvalidArgumentError } from 'commander'
import { violationOf } from '../../db/errors.ts'
import { canonicalName } from '../../lib/net/hostname.ts'
import { OperatorError } from '../../lib/operator_error.ts'
import {
  createTenant,
  limitTenant,
  listTenants,
  type NewLimits,
  resumeTenant,
  suspendTenant,
} from '../../modules/tenants/tenants.ts'
import { printJson, printTable } from '../print.ts'
import { addPerson, highestRole, type NewMember, printNewMember, resetLink } from './add_member.ts'
import { nameOf, personNameOf } from './arguments.ts'
import {
  type PlatformCommand,
  type PlatformOptions,
  reasonOf,
  recordPlatformAction,
  runPlatformCommand,
} from './platform_command.ts'

/** `tenantry tenant`. */
export function tenantCommand(): Command {
  const tenant = new Command('tenant')
    .description('Create, list, suspend, resume and limit tenants.')
    .addHelpText('after', examples)
  withCommonOptions(tenant.command('create'))
    .description('create a tenant and, with --admin-email, its first member')
    .requiredOption('--name <name>', 'display name', nameOf)
    .requiredOption('--subdomain <label>', 'label before the base domain', subdomainOf)
    .option(
      '--code <CODE>',
      'short code: A-Z, 0-9 and _ (default: derived from the subdomain)',
      codeOf,
    )
    .option('--admin-email <email>', 'add this person as a member with all permissions')
    .option('--admin-name <name>', 'name of that person', personNameOf, '')
    .action(create)
  withCommonOptions(tenant.command('list')).description('list all tenants').action(list)
  withCommonOptions(tenant.command('suspend <subdomain>'))
    .description('suspend a tenant: all requests to it get 403')
    .action((subdomain, options) => setStatus(subdomain, 'suspended', options))
  withCommonOptions(tenant.command('resume <subdomain>'))
    .description('resume a suspended tenant')
    .action((subdomain, options) => setStatus(subdomain, 'active', options))
  withCommonOptions(tenant.command('limit <subdomain>'))
    .description('set limits for one tenant; `default` restores the limit that applies to all')
    .option('--rate <n>', 'requests per second, per server', limitUpTo(1_000_000))
    .option('--concurrency <n>', 'concurrent requests, per server', limitUpTo(1_000))
    .action(limit)
  return tenant
}

function withCommonOptions(command: Command): Command {
  return command
    .option('--reason <text>', 'reason for the platform log (default: the command line)')
    .option('--json', 'print JSON')
}

interface CreateOptions extends PlatformOptions {
  name: string
  subdomain: string
  code?: string
  adminEmail?: string
  adminName: string
}

async function create(options: CreateOptions): Promise<void> {
  const { subdomain, json } = options
  const created = await runPlatformCommand(async (command) => {
    const tenant = await createWithAdmin(command, options)
    const { admin } = tenant
    if (!admin?.created && !admin?.voided) return tenant
    const link = await resetLink(command, subdomain, admin.id)
    return { ...tenant, admin: { ...admin, ...link } }
  })
  if (json) return printJson(created)
  console.log(`created tenant ${subdomain} (${created.id})`)
  if (created.admin !== undefined) printNewMember(subdomain, created.admin)
}

interface CreatedTenant {
  id: string
  subdomain: string
  code: string
  admin?: NewMember
}

// In one transaction: a tenant without its admin could not be used.
async function createWithAdmin(
  { app, database }: PlatformCommand,
  options: CreateOptions,
): Promise<CreatedTenant> {
  const { name, subdomain, adminEmail: email, adminName: full_name } = options
  const code = options.code ?? subdomain.toUpperCase().replaceAll('-', '_').slice(0, 32)
  const roles = email === undefined ? [] : [highestRole(app)]
  return database.acrossTenants(reasonOf(options), async (db) => {
    const id = await createTenant(db, { name, subdomain, code }).catch((error: unknown) => {
      throw taken(error, subdomain, code)
    })
    await recordPlatformAction(db, { action: 'tenants.create', tenant_id: id })
    const admin =
      email === undefined ? {} : { admin: await addPerson(db, id, { email, full_name, roles }) }
    return { id, subdomain, code, ...admin }
  })
}

function taken(error: unknown, subdomain: string, code: string): unknown {
  if (violationOf(error, {})?.kind !== 'conflict') return error
  return new OperatorError(`subdomain "${subdomain}" or code "${code}" is taken: choose another`)
}

async function list(options: PlatformOptions): Promise<void> {
  const tenants = await runPlatformCommand(({ database }) =>
    database.acrossTenants(reasonOf(options), listTenants),
  )
  if (options.json) return printJson(tenants)
  printTable(
    ['SUBDOMAIN', 'NAME', 'CODE', 'STATUS', 'CREATED'],
    tenants.map((it) => [it.subdomain, it.name, it.code, it.status, it.created_at]),
  )
}

async function setStatus(
  subdomain: string,
  status: 'active' | 'suspended',
  options: PlatformOptions,
): Promise<void> {
  const change = status === 'active' ? resumeTenant : suspendTenant
  const found = await runPlatformCommand(({ database }) =>
    database.acrossTenants(reasonOf(options), async (db) => {
      const tenant_id = await change(db, subdomain)
      if (tenant_id === undefined) return false
      const meta = { status, reason: reasonOf(options) }
      await recordPlatformAction(db, { action: 'tenants.update', tenant_id, meta })
      return true
    }),
  )
  if (!found) throw noTenant(subdomain)
  if (options.json) printJson({ subdomain, status })
  else console.log(`tenant ${subdomain} is ${status}`)
}

interface LimitOptions extends PlatformOptions {
  rate?: number | 'default'
  concurrency?: number | 'default'
}

async function limit(
  subdomain: string,
  { rate, concurrency, ...options }: LimitOptions,
): Promise<void> {
  const limits: NewLimits = {
    ...(rate === undefined ? {} : { rate: limitOrNull(rate) }),
    ...(concurrency === undefined ? {} : { concurrency: limitOrNull(concurrency) }),
  }
  if (Object.keys(limits).length === 0) {
    throw new OperatorError('no limit is given: add --rate or --concurrency')
  }
  const found = await runPlatformCommand(({ database }) =>
    database.acrossTenants(reasonOf(options), async (db) => {
      const tenant_id = await limitTenant(db, subdomain, limits)
      if (tenant_id === undefined) return false
      const meta = { ...limits, reason: reasonOf(options) }
      await recordPlatformAction(db, { action: 'tenants.update', tenant_id, meta })
      return true
    }),
  )
  if (!found) throw noTenant(subdomain)
  if (options.json) printJson({ subdomain, ...limits })
  else console.log(`the limits of tenant ${subdomain} are set`)
}

function limitOrNull(given: number | 'default'): number | null {
  return given === 'default' ? null : given
}

export function noTenant(subdomain: string): OperatorError {
  return new OperatorError(
    `there is no tenant "${subdomain}": tenantry tenant list shows all tenants`,
  )
}

function subdomainOf(text: string): string {
  const name = canonicalName(text)
  if (name !== undefined && !name.includes('.')) return name
  throw new InvalidArgumentError('It must be one label: letters, digits and hyphens.')
}

function codeOf(text: string): string {
  if (/^[A-Z0-9_]{1,32}$/.test(text)) return text
  throw new InvalidArgumentError('It must be 1 to 32 characters of A-Z, 0-9 and _.')
}

function limitUpTo(max: number) {
  return (text: string): number | 'default' => {
    if (text === 'default') return text
    const value = Number(text)
    if (/^\d+$/.test(text) && value >= 1 && value <= max) return value
    throw new InvalidArgumentError(`It must be a whole number from 1 to ${max}, or default.`)
  }
}

const examples = `
Examples:
  $ tenantry tenant create --name "Acme Inc." --subdomain acme --admin-email ann@acme.com
  $ tenantry tenant list --json
  $ tenantry tenant suspend acme --reason "invoice 4711 is overdue"
  $ tenantry tenant resume acme
  $ tenantry tenant limit acme --rate 500 --concurrency default`
