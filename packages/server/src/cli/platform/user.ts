import { Command } from 'commander'
import type { Kysely } from 'kysely'
import type { KernelTables } from '../../db/tables.ts'
import { OperatorError } from '../../lib/operator_error.ts'
import { findTenantId } from '../../modules/tenants/tenants.ts'
import { findUserId } from '../../modules/users/users.ts'
import { printJson } from '../print.ts'
import { assertRoles, enrol, printEnrolled, resetLink } from './add_member.ts'
import { personNameOf } from './arguments.ts'
import { type OperatorOptions, operate, reasonOf } from './platform_command.ts'
import { noTenant } from './tenant.ts'

/** `tenantry user`. */
export function userCommand(): Command {
  const user = new Command('user')
    .description('Create users and reset links. Passwords never pass through here.')
    .addHelpText('after', examples)
  withCommonOptions(user.command('create'))
    .description('make somebody a member of a tenant, and a user where they are none yet')
    .option('--name <name>', 'their name', personNameOf, '')
    .option('--role <role>', 'a role in the tenant; may be repeated', collect, [])
    .action(create)
  withCommonOptions(user.command('reset-link'))
    .description('print a link by which a member chooses a new password')
    .action(printResetLink)
  return user
}

function withCommonOptions(command: Command): Command {
  return command
    .requiredOption('--tenant <subdomain>', 'the tenant')
    .requiredOption('--email <email>', 'who')
    .option('--reason <text>', 'why; kept in the platform log (default: the command line)')
    .option('--json', 'print JSON')
}

interface UserOptions extends OperatorOptions {
  tenant: string
  email: string
}

async function create(options: UserOptions & { name: string; role: string[] }): Promise<void> {
  const { tenant, email, name: full_name, role: roles } = options
  const person = await operate(async (operation) => {
    const enrolled = await operation.database.acrossTenants(reasonOf(options), async (db) => {
      const tenantId = await requireTenant(db, tenant)
      await assertRoles(db, operation.app, tenantId, roles)
      return enrol(db, tenantId, { email, full_name, roles })
    })
    if (!enrolled.created) return enrolled
    return { ...enrolled, reset_link: await resetLink(operation, tenant, enrolled.id) }
  })
  if (options.json) printJson(person)
  else printEnrolled(tenant, person)
}

async function printResetLink(options: UserOptions): Promise<void> {
  const { tenant, email } = options
  const reset_link = await operate(async (operation) => {
    const id = await operation.database.acrossTenants(reasonOf(options), (db) =>
      requireMember(db, tenant, email),
    )
    return resetLink(operation, tenant, id)
  })
  if (options.json) printJson({ email, tenant, reset_link })
  else console.log(reset_link)
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
    `${email} is no member of ${subdomain}: add them with tenantry user create`,
  )
}

function collect(value: string, previous: string[]): string[] {
  return [...previous, value]
}

const examples = `
Examples:
  $ tenantry user create --tenant acme --email ann@acme.com --name "Ann Lee" --role admin_tenant
  $ tenantry user reset-link --tenant acme --email ann@acme.com`
