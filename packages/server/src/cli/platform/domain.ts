import { Command } from 'commander'
import type { Kysely } from 'kysely'
import { recordAudit } from '../../audit/audit_log.ts'
import type { CommandConfig } from '../../config/config.ts'
import type { KernelTables } from '../../db/tables.ts'
import { backgroundScope } from '../../db/tenancy.ts'
import { enqueueJob } from '../../jobs/enqueue.ts'
import type { CertificateAnswer } from '../../lib/net/certificate.ts'
import { OperatorError } from '../../lib/operator_error.ts'
import { checkDomainNow } from '../../modules/domains/check_domain.ts'
import { domainCertificate } from '../../modules/domains/domain_certificate.ts'
import { domainCheck } from '../../modules/domains/domain_check.ts'
import { domainFault, domainName } from '../../modules/domains/domain_name.ts'
import { claimDomain, recordOf, targetOf } from '../../modules/domains/domains.ts'
import { type DomainFilter, listAllDomains } from '../../modules/domains/platform_domains.ts'
import { holdNames } from '../../modules/held_names/held_names.ts'
import { findTenantId } from '../../modules/tenants/tenants.ts'
import { printJson, printTable } from '../print.ts'
import {
  commandRequest,
  noTenant,
  type PlatformCommand,
  type PlatformOptions,
  reasonOf,
  runPlatformCommand,
  withPlatformOptions,
} from './platform_command.ts'

/** `tenantry domain`. */
export function domainCommand(): Command {
  const domain = new Command('domain')
    .description('List, add, check and remove custom domains (docs/domains.md).')
    .addHelpText('after', examples)
  withPlatformOptions(domain.command('list'))
    .description('list the domains of all tenants, by name')
    .option('--tenant <subdomain>', 'only domains of this tenant')
    .action(list)
  withPlatformOptions(domain.command('add <subdomain> <name>'))
    .description('add a domain to a tenant, and print the record that proves it')
    .action(add)
  withPlatformOptions(domain.command('check <name>'))
    .description('check the TXT record of a domain now, where it leads and its certificate')
    .option('--tenant <subdomain>', 'only the domain of this tenant')
    .action(check)
  withPlatformOptions(domain.command('remove <subdomain> <name>'))
    .description('remove a domain of a tenant: it leads nowhere')
    .action(remove)
  return domain
}

type Options = PlatformOptions & { tenant?: string }

async function list(options: Options): Promise<void> {
  const rows = await runPlatformCommand((command) => found(command, options, options))
  if (options.json) return printJson(rows.map(({ proof: _, tenantId: __, ...it }) => it))
  printTable(
    ['NAME', 'TENANT', 'STATE', 'PRIMARY', 'LEADS HERE', 'LAST CHECK', 'PROBLEM'],
    rows.map((it) => [
      it.name,
      it.subdomain,
      it.state,
      it.is_primary ? 'yes' : '',
      it.points_here === null ? 'not known' : yesNo(it.points_here),
      it.checked_at ?? 'never',
      it.problem ?? '',
    ]),
  )
}

async function add(subdomain: string, given: string, options: PlatformOptions): Promise<void> {
  const added = await runPlatformCommand(async (command) => {
    const { database, config } = command
    const name = acceptable(given, config)
    const reason = reasonOf(options)
    const tenantId = await tenantOf(command, subdomain, options)
    await database.inTenant(backgroundScope(tenantId), async (db: Db) => {
      const id = await claimDomain(db, tenantId, { name, created_by: null })
      await enqueueJob({ db }, domainCheck, { domain_id: id }, { key: id })
      await record(db, 'domains.create', id, { name, reason })
    })
    const [row] = await found(command, { tenant: subdomain, name }, options)
    if (row === undefined) throw new OperatorError('the domain was removed meanwhile')
    return { ...row, target: targetOf(config, { issuer: issuerOf(config, subdomain) }) }
  })
  const entry = recordOf(added)
  if (options.json)
    return printJson({ id: added.id, name: added.name, record: entry, target: added.target })
  console.log(
    `added ${added.name} to tenant ${subdomain}; these records prove it and lead it here:`,
  )
  printTable(
    ['NAME', 'TYPE', 'VALUE'],
    [
      [entry.name, entry.type, entry.value],
      [added.name, 'CNAME', added.target],
    ],
  )
}

async function check(given: string, options: Options): Promise<void> {
  const checked = await runPlatformCommand(async (command) => {
    const { app, config, database } = command
    const name = domainName(given)
    const rows = await found(command, { tenant: options.tenant, name }, options)
    if (name === undefined || rows.length === 0) throw noDomain(given)
    for (const { id, tenantId, subdomain } of rows) {
      const target = targetOf(config, { issuer: issuerOf(config, subdomain) })
      await checkDomainNow({ config, database, policy: app.policy }, { tenantId, target }, id)
    }
    const after = await found(command, { tenant: options.tenant, name }, options)
    return Promise.all(after.map((it) => withAdvice(config, it)))
  })
  if (options.json) {
    return printJson(
      checked.map(({ subdomain, state, problem, points_here, certificate }) => {
        return { subdomain, state, problem, points_here, certificate }
      }),
    )
  }
  for (const { name, subdomain, state, problem, advice } of checked) {
    console.log(`${name} of tenant ${subdomain} is ${state}${problem ? ` (${problem})` : ''}`)
    for (const line of advice) console.log(`  ${line}`)
  }
}

// A name that leads elsewhere has its certificate there.
async function withAdvice(config: CommandConfig, domain: FoundDomain) {
  const { name, subdomain, state, points_here } = domain
  const target = targetOf(config, { issuer: issuerOf(config, subdomain) })
  const isServed = points_here === true && (state === 'verified' || state === 'failing')
  const answer = isServed ? await domainCertificate(config, { name, target }) : undefined
  const certificate = answer === undefined ? null : certificateText(answer)
  const leads =
    points_here === false ? [`it does not lead here: set a CNAME record to ${target}`] : []
  const advice = certificate === null ? leads : [`certificate: ${certificate}`]
  return { ...domain, certificate, advice }
}

function certificateText(answer: CertificateAnswer): string {
  if (answer.kind === 'valid') return `valid until ${answer.until.toISOString().slice(0, 10)}`
  return answer.kind === 'invalid'
    ? `none that is valid (${answer.reason})`
    : `not known, this machine cannot ask for it (${answer.reason})`
}

async function remove(subdomain: string, given: string, options: PlatformOptions): Promise<void> {
  const name = domainName(given)
  await runPlatformCommand(async (command) => {
    const [row] = await found(command, { tenant: subdomain, name }, options)
    if (name === undefined || row === undefined) throw noDomain(given)
    const { id, tenantId } = row
    await command.database.inTenant(backgroundScope(tenantId), async (db: Db) => {
      await holdNames(db, command.config)
      await db.deleteFrom('tenantry.domains').where('id', '=', id).execute()
      await record(db, 'domains.delete', id, { name, reason: reasonOf(options) })
    })
  })
  if (options.json) printJson({ subdomain, name, removed: true })
  else console.log(`removed ${name} from tenant ${subdomain}`)
}

type Db = Kysely<KernelTables>
type FoundDomain = Awaited<ReturnType<typeof found>>[number]

function found({ database }: PlatformCommand, filter: DomainFilter, options: PlatformOptions) {
  return database.acrossTenants(reasonOf(options), (db) => listAllDomains(db, filter))
}

async function tenantOf(
  { database }: PlatformCommand,
  subdomain: string,
  options: PlatformOptions,
) {
  const id = await database.acrossTenants(reasonOf(options), (db) => findTenantId(db, subdomain))
  if (id === undefined) throw noTenant(subdomain)
  return id
}

function record(db: Db, action: string, id: string, meta: object): Promise<void> {
  const about = { entity: 'domains', entity_id: id, meta: { ...meta } }
  return recordAudit(db, commandRequest(), { action, ...about })
}

function acceptable(given: string, config: CommandConfig): string {
  const { BASE_DOMAINS = [], APP_HOST, DOMAIN_TARGET } = config
  const name = domainName(given)
  const settings = { BASE_DOMAINS, PUBLIC_ORIGIN: originOf(config), APP_HOST, DOMAIN_TARGET }
  const fault =
    name === undefined ? 'is no domain name such as shop.example.com' : domainFault(name, settings)
  if (name === undefined || fault !== undefined) throw new OperatorError(`"${given}" ${fault}`)
  return name
}

function issuerOf(config: CommandConfig, subdomain: string): string {
  return originOf(config).replaceAll('{tenant}', subdomain)
}

function originOf({ PUBLIC_ORIGIN }: CommandConfig): string {
  if (PUBLIC_ORIGIN !== undefined) return PUBLIC_ORIGIN
  throw new OperatorError('this command needs PUBLIC_ORIGIN, as the servers have it')
}

function noDomain(name: string): OperatorError {
  return new OperatorError(`there is no domain "${name}": tenantry domain list shows all domains`)
}

function yesNo(value: boolean): string {
  return value ? 'yes' : 'no'
}

const examples = `
Examples:
  $ tenantry domain add acme shop.acme.com
  $ tenantry domain check shop.acme.com
  $ tenantry domain list --tenant acme`
