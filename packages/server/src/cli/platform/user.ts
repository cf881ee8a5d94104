import { Command } from 'commander'
import type { Kysely } from 'kysely'
import type { KernelTables } from '../../db/tables.ts'
import { OperatorError } from '../../lib/operator_error.ts'
import { findTenantId, membersOfTenant, realmOfTenant } from '../../modules/tenants/tenants.ts'
import { findUserId } from '../../modules/users/users.ts'
import { printJson, printTable } from '../print.ts'
import { addPerson, assertRoles, printNewMember } from './add_member.ts'
import { personNameOf } from './arguments.ts'
import { addEndingCommands } from './end_user.ts'
import { newMemberLink, printedLink } from './new_member_link.ts'
import {
  noTenant,
  type PlatformOptions,
  reasonOf,
  runPlatformCommand,
  withPlatformOptions,
} from './platform_command.ts'

/** `tenantry user`. */
export function userCommand(): Command {
  const user = new Command('user')
    .description(
      'Create, list, disable and delete users; create reset links. No command takes or prints a password.',
    )
    .addHelpText('after', examples)
  withCommonOptions(user.command('create'))
    .description('add a person to a tenant; creates the user if necessary')
    .option('--name <name>', 'name of the person', personNameOf, '')
    .option('--role <role>', 'role in the tenant; may be repeated', collect, [])
    .action(create)
  withCommonOptions(user.command('reset-link'))
    .description('print a link with which a member sets a new password')
    .action(printResetLink)
  withPlatformOptions(user.command('list'))
    .description('list the members of a tenant')
    .requiredOption('--tenant <subdomain>', 'subdomain of the tenant')
    .action(list)
  addEndingCommands(user)
  return user
}

function withCommonOptions(command: Command): Command {
  return command
    .requiredOption('--tenant <subdomain>', 'subdomain of the tenant')
    .requiredOption('--email <email>', 'e-mail address of the person')
    .option('--reason <text>', 'reason for the platform log (default: the command line)')
    .option('--json', 'print JSON')
}

interface UserOptions extends PlatformOptions {
  tenant: string
  email: string
}

async function create(options: UserOptions & { name: string; role: string[] }): Promise<void> {
  const { tenant, email, name: full_name, role: roles } = options
  const person = await runPlatformCommand(async (command) => {
    const member = await command.database.acrossTenants(reasonOf(options), async (db) => {
      const tenantId = await requireTenant(db, tenant)
      await assertRoles(db, command.app, tenantId, roles)
      return addPerson(db, tenantId, { email, full_name, roles })
    })
    return newMemberLink(command, tenant, member)
  })
  if (options.json) printJson(person)
  else printNewMember(tenant, person)
}

async function list(options: PlatformOptions & { tenant: string }): Promise<void> {
  const members = await runPlatformCommand(({ database }) =>
    database.acrossTenants(reasonOf(options), async (db) =>
      membersOfTenant(db, await requireTenant(db, options.tenant)),
    ),
  )
  if (options.json) return printJson(members)
  printTable(
    ['EMAIL', 'NAME', 'STATE', 'ROLES'],
    members.map((it) => [it.email, it.full_name, stateOf(it), it.roles.join(', ')]),
  )
}

function stateOf(member: { is_active: boolean; can_sign_in: boolean }): string {
  if (!member.can_sign_in) return 'disabled'
  return member.is_active ? 'active' : 'inactive'
}

async function printResetLink(options: UserOptions): Promise<void> {
  const { tenant, email } = options
  const link = await runPlatformCommand(async (command) => {
    const id = await command.database.acrossTenants(reasonOf(options), (db) =>
      requireMember(db, tenant, email),
    )
    return printedLink(command, tenant, id)
  })
  if (options.json) return printJson({ email, tenant, ...link })
  console.log(link.reset_link)
  console.error(`valid for ${link.reset_link_minutes} minutes`)
}

async function requireTenant(db: Kysely<KernelTables>, subdomain: string): Promise<string> {
  const id = await findTenantId(db, subdomain)
  if (id === undefined) throw noTenant(subdomain)
  return id
}

async function requireMember(
  db: Kysely<KernelTables>,
  subdomain: string,
  email: string,
): Promise<string> {
  const tenant_id = await requireTenant(db, subdomain)
  const user_id = await findUserId(db, await realmOfTenant(db, tenant_id), email)
  const member =
    user_id &&
    (await db
      .selectFrom('tenantry.members')
      .select('user_id')
      .where('tenant_id', '=', tenant_id)
      .where('user_id', '=', user_id)
      .executeTakeFirst())
  if (member) return member.user_id
  throw new OperatorError(
    `${email} is not a member of ${subdomain}: add them with tenantry user create`,
  )
}

function collect(value: string, previous: string[]): string[] {
  return [...previous, value]
}

const examples = `
Examples:
  $ tenantry user create --tenant acme --email ann@acme.com --name "Ann Lee" --role admin_tenant
  $ tenantry user reset-link --tenant acme --email ann@acme.com
  $ tenantry user disable --email ann@acme.com --reason "left the company"
  $ tenantry user delete --email ann@acme.com --yes`
