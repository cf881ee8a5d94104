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
import { type Enrolled, enrol, highestRole, printEnrolled, resetLink } from './add_member.ts'
import { nameOf, personNameOf } from './arguments.ts'
import {
  type Operation,
  type OperatorOptions,
  operate,
  reasonOf,
  recordOperation,
} from './platform_command.ts'

/** `tenantry tenant`. */
export function tenantCommand(): Command {
  const tenant = new Command('tenant')
    .description('Create, list, suspend, resume and limit tenants.')
    .addHelpText('after', examples)
  withCommonOptions(tenant.command('create'))
    .description('create a tenant, and with --admin-email its first member')
    .requiredOption('--name <name>', 'its name, for people', nameOf)
    .requiredOption('--subdomain <label>', 'its label in front of the base domain', subdomainOf)
    .option('--code <CODE>', 'its short code: A-Z, 0-9, _ (default: from the subdomain)', codeOf)
    .option('--admin-email <email>', 'make this person a member who may do everything')
    .option('--admin-name <name>', "that person's name", personNameOf, '')
    .action(create)
  withCommonOptions(tenant.command('list')).description('list every tenant').action(list)
  withCommonOptions(tenant.command('suspend <subdomain>'))
    .description('close a tenant: every request to it is answered 403')
    .action((subdomain, options) => move(subdomain, 'suspended', options))
  withCommonOptions(tenant.command('resume <subdomain>'))
    .description('open a suspended tenant again')
    .action((subdomain, options) => move(subdomain, 'active', options))
  withCommonOptions(tenant.command('limit <subdomain>'))
    .description("set a tenant's own limits; `default` is what applies to all")
    .option('--rate <n>', 'requests per second at each node', limitUpTo(1_000_000))
    .option('--concurrency <n>', 'requests at work at once at each node', limitUpTo(1_000))
    .action(limit)
  return tenant
}

function withCommonOptions(command: Command): Command {
  return command
    .option('--reason <text>', 'why; kept in the platform log (default: the command line)')
    .option('--json', 'print JSON')
}

interface CreateOptions extends OperatorOptions {
  name: string
  subdomain: string
  code?: string
  adminEmail?: string
  adminName: string
}

async function create(options: CreateOptions): Promise<void> {
  const { subdomain, json } = options
  const created = await operate(async (operation) => {
    const tenant = await createWithAdmin(operation, options)
    const { admin } = tenant
    if (!admin?.created) return tenant
    const reset_link = await resetLink(operation, subdomain, admin.id)
    return { ...tenant, admin: { ...admin, reset_link } }
  })
  if (json) return printJson(created)
  console.log(`created tenant ${subdomain} (${created.id})`)
  if (created.admin !== undefined) printEnrolled(subdomain, created.admin)
}

interface CreatedTenant {
  id: string
  subdomain: string
  code: string
  admin?: Enrolled
}

// In one transaction: a tenant without the admin that was asked for would be half a tenant.
async function createWithAdmin(
  { app, database }: Operation,
  options: CreateOptions,
): Promise<CreatedTenant> {
  const { name, subdomain, adminEmail: email, adminName: full_name } = options
  const code = options.code ?? subdomain.toUpperCase().replaceAll('-', '_').slice(0, 32)
  const roles = email === undefined ? [] : [highestRole(app)]
  return database.acrossTenants(reasonOf(options), async (db) => {
    const id = await createTenant(db, { name, subdomain, code }).catch((error: unknown) => {
      throw taken(error, subdomain, code)
    })
    await recordOperation(db, { action: 'tenants.create', tenant_id: id })
    const admin =
      email === undefined ? {} : { admin: await enrol(db, id, { email, full_name, roles }) }
    return { id, subdomain, code, ...admin }
  })
}

function taken(error: unknown, subdomain: string, code: string): unknown {
  if (violationOf(error, {})?.kind !== 'conflict') return error
  return new OperatorError(`subdomain "${subdomain}" or code "${code}" is taken: choose another`)
}

async function list(options: OperatorOptions): Promise<void> {
  const tenants = await operate(({ database }) =>
    database.acrossTenants(reasonOf(options), listTenants),
  )
  if (options.json) return printJson(tenants)
  printTable(
    ['SUBDOMAIN', 'NAME', 'CODE', 'STATUS', 'CREATED'],
    tenants.map((it) => [it.subdomain, it.name, it.code, it.status, it.created_at]),
  )
}

async function move(
  subdomain: string,
  status: 'active' | 'suspended',
  options: OperatorOptions,
): Promise<void> {
  const change = status === 'active' ? resumeTenant : suspendTenant
  const moved = await operate(({ database }) =>
    database.acrossTenants(reasonOf(options), async (db) => {
      const tenant_id = await change(db, subdomain)
      if (tenant_id === undefined) return false
      const meta = { status, reason: reasonOf(options) }
      await recordOperation(db, { action: 'tenants.update', tenant_id, meta })
      return true
    }),
  )
  if (!moved) throw noTenant(subdomain)
  if (options.json) printJson({ subdomain, status })
  else console.log(`tenant ${subdomain} is ${status}`)
}

interface LimitOptions extends OperatorOptions {
  rate?: number | 'default'
  concurrency?: number | 'default'
}

async function limit(
  subdomain: string,
  { rate, concurrency, ...options }: LimitOptions,
): Promise<void> {
  const limits: NewLimits = {
    ...(rate === undefined ? {} : { rate: ownLimit(rate) }),
    ...(concurrency === undefined ? {} : { concurrency: ownLimit(concurrency) }),
  }
  if (Object.keys(limits).length === 0) {
    throw new OperatorError('nothing to set: give --rate or --concurrency')
  }
  const limited = await operate(({ database }) =>
    database.acrossTenants(reasonOf(options), async (db) => {
      const tenant_id = await limitTenant(db, subdomain, limits)
      if (tenant_id === undefined) return false
      const meta = { ...limits, reason: reasonOf(options) }
      await recordOperation(db, { action: 'tenants.update', tenant_id, meta })
      return true
    }),
  )
  if (!limited) throw noTenant(subdomain)
  if (options.json) printJson({ subdomain, ...limits })
  else console.log(`tenant ${subdomain} has the limits it was given`)
}

function ownLimit(given: number | 'default'): number | null {
  return given === 'default' ? null : given
}

/** What to say where a subdomain is nobody's. */
export function noTenant(subdomain: string): OperatorError {
  return new OperatorError(`there is no tenant "${subdomain}": tenantry tenant list shows them`)
}

function subdomainOf(text: string): string {
  const name = canonicalName(text)
  if (name !== undefined && !name.includes('.')) return name
  throw new InvalidArgumentError('It must be one label: letters, digits and hyphens.')
}

function codeOf(text: string): string {
  if (/^[A-Z0-9_]{1,32}$/.test(text)) return text
  throw new InvalidArgumentError('It must be 1 to 32 of A-Z, 0-9 and _.')
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
