import { Command, InvalidArgumentError } from 'commander'
import { violationOf } from '../../db/errors.ts'
import { enqueueJob } from '../../jobs/enqueue.ts'
import { OperatorError } from '../../lib/operator_error.ts'
import { subdomainRules } from '../../modules/subdomains/subdomains.ts'
import {
  createTenant,
  findTenant,
  limitTenant,
  listTenants,
  type NewLimits,
  resumeTenant,
  suspendTenant,
} from '../../modules/tenants/tenants.ts'
import { printJson, printTable } from '../print.ts'
import { addPerson, highestRole, type NewMember, printNewMember } from './add_member.ts'
import { nameOf, personNameOf } from './arguments.ts'
import { newMemberLink } from './new_member_link.ts'
import {
  noTenant,
  type PlatformCommand,
  type PlatformOptions,
  reasonOf,
  recordPlatformAction,
  runPlatformCommand,
  withPlatformOptions as withCommonOptions,
} from './platform_command.ts'
import { brandCommand } from './tenant_brand.ts'
import { addDeleteCommand } from './tenant_delete.ts'
import { addDetailCommands, limitText } from './tenant_details.ts'

/** `tenantry tenant`. */
export function tenantCommand(): Command {
  const tenant = new Command('tenant')
    .description(
      'Create, list, show, rename, suspend, resume, limit, brand, delete and release tenants.',
    )
    .addHelpText('after', examples)
  withCommonOptions(tenant.command('create'))
    .description('create a tenant and, with --admin-email, its first member')
    .requiredOption('--name <name>', 'display name', nameOf)
    .requiredOption('--subdomain <label>', 'label before the base domain')
    .option(
      '--code <CODE>',
      'short code: A-Z, 0-9 and _ (default: derived from the subdomain)',
      codeOf,
    )
    .option('--admin-email <email>', 'add this person as a member with all permissions')
    .option('--admin-name <name>', 'name of that person', personNameOf, '')
    .action(create)
  withCommonOptions(tenant.command('list')).description('list all tenants').action(list)
  addDetailCommands(tenant)
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
  tenant.addCommand(withCommonOptions(brandCommand()))
  addDeleteCommand(tenant)
  return tenant
}

interface CreateOptions extends PlatformOptions {
  name: string
  subdomain: string
  code?: string
  adminEmail?: string
  adminName: string
}

async function create({ json, ...given }: CreateOptions): Promise<void> {
  const subdomain = given.subdomain.toLowerCase()
  const created = await runPlatformCommand(async (command) => {
    assertFree(command, subdomain)
    const tenant = await createWithAdmin(command, { ...given, subdomain })
    const { admin } = tenant
    if (admin === undefined) return tenant
    return { ...tenant, admin: await newMemberLink(command, subdomain, admin) }
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
      email === undefined ? undefined : await addPerson(db, id, { email, full_name, roles })
    const { tenantCreated } = app
    if (tenantCreated !== undefined) {
      await enqueueJob({ db, tenantId: id, actorId: admin?.id }, tenantCreated, {})
    }
    return { id, subdomain, code, ...(admin && { admin }) }
  })
}

function taken(error: unknown, subdomain: string, code: string): unknown {
  const violation = violationOf(error, {})
  if (violation?.code === 'subdomain.held') {
    const free = `tenantry tenant release ${subdomain} frees it`
    return new OperatorError(
      `subdomain "${subdomain}" is held, because links to a deleted tenant may lead there: ${free}`,
    )
  }
  if (violation?.kind !== 'conflict') return error
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
  const before = await runPlatformCommand(({ database }) =>
    database.acrossTenants(reasonOf(options), async (db) => {
      const tenant = await findTenant(db, subdomain)
      if (tenant === undefined) throw noTenant(subdomain)
      await limitTenant(db, subdomain, limits)
      const meta = { ...limits, reason: reasonOf(options) }
      await recordPlatformAction(db, { action: 'tenants.update', tenant_id: tenant.id, meta })
      return tenant
    }),
  )
  if (options.json) return printJson({ subdomain, ...limits })
  for (const name of ['rate', 'concurrency'] as const) {
    if (limits[name] === undefined) continue
    console.log(
      `tenant ${subdomain}: ${name} ${limitText(limits[name])} (was ${limitText(before[name])})`,
    )
  }
}

function limitOrNull(given: number | 'default'): number | null {
  return given === 'default' ? null : given
}

function assertFree({ app, config }: PlatformCommand, subdomain: string): void {
  const fault = subdomainRules(app, config).faultOf(subdomain)
  if (fault === undefined) return
  const why =
    fault === 'reserved'
      ? 'is reserved, or looks like a name that is: choose another'
      : 'must be one label: letters, digits and hyphens, not digits alone, and no Punycode'
  throw new OperatorError(`subdomain "${subdomain}" ${why}`)
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
  $ tenantry tenant rename acme --name "Acme International"
  $ tenantry tenant suspend acme --reason "invoice 4711 is overdue"
  $ tenantry tenant resume acme
  $ tenantry tenant limit acme --rate 500 --concurrency default
  $ tenantry tenant brand acme --color '#0f766e' --reply-to help@acme.com --locale de
  $ tenantry tenant delete acme --yes --reason "contract ended"
  $ tenantry tenant release acme`
