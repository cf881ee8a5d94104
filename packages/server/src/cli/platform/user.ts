import { Command } from 'commander'
import type { Kysely } from 'kysely'
import type { KernelTables } from '../../db/tables.ts'
import { OperatorError } from '../../lib/operator_error.ts'
import { findTenantId } from '../../modules/tenants/tenants.ts'
import { findUserId } from '../../modules/users/users.ts'
import { printJson } from '../print.ts'
import { addPerson, assertRoles, printNewMember, resetLink } from './add_member.ts'
import { personNameOf } from './arguments.ts'
import { type PlatformOptions, reasonOf, runPlatformCommand } from './platform_command.ts'
import { noTenant } from './tenant.ts'

/** `tenantry user`. */
export function userCommand(): Command {
  const user = new Command('user')
    .description('Create users and reset links. No command takes or prints a password.')
    .addHelpText('after', examples)
  withCommonOptions(user.command('create'))
    .description('add a person to a tenant; creates the user if necessary')
    .option('--name <name>', 'name of the person', personNameOf, '')
    .option('--role <role>', 'role in the tenant; may be repeated', collect, [])
    .action(create)
  withCommonOptions(user.command('reset-link'))
    .description('print a link with which a member sets a new password')
    .action(printResetLink)
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
    if (!member.created && !member.voided) return member
    return { ...member, ...(await resetLink(command, tenant, member.id)) }
  })
  if (options.json) printJson(person)
  else printNewMember(tenant, person)
}

async function printResetLink(options: UserOptions): Promise<void> {
  const { tenant, email } = options
  const link = await runPlatformCommand(async (command) => {
    const id = await command.database.acrossTenants(reasonOf(options), (db) =>
      requireMember(db, tenant, email),
    )
    return resetLink(command, tenant, id)
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
  const user_id = await findUserId(db, email)
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
  $ tenantry user reset-link --tenant acme --email ann@acme.com`
