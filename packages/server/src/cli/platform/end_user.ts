import type { Command } from 'commander'
import type { Kysely } from 'kysely'
import { INSTALLATION_REALM } from '../../access/realm.ts'
import type { KernelTables } from '../../db/tables.ts'
import { AppError } from '../../lib/errors.ts'
import { OperatorError } from '../../lib/operator_error.ts'
import { identityScopeOf } from '../../modules/installation/identity_scope.ts'
import { findTenantId, realmOfTenant } from '../../modules/tenants/tenants.ts'
import { deleteUser, disableUser, enableUser, tenantsOfUser } from '../../modules/users/end_user.ts'
import { findUserId } from '../../modules/users/users.ts'
import { printJson } from '../print.ts'
import {
  noTenant,
  type PlatformCommand,
  type PlatformOptions,
  reasonOf,
  runPlatformCommand,
} from './platform_command.ts'

/** Adds `disable`, `enable` and `delete` to `tenantry user`: what happens to a person in all tenants. */
export function addEndingCommands(user: Command): void {
  withOptions(user.command('disable'))
    .description('lock a person out of all tenants; ends all sessions')
    .action((options: PersonOptions) => end('disabled', options, disableUser))
  withOptions(user.command('enable'))
    .description('let a disabled person sign in again')
    .action((options: PersonOptions) => end('enabled', options, (db, _, id) => enableUser(db, id)))
  withOptions(user.command('delete'))
    .description('delete a person with all memberships and sessions; cannot be undone')
    .option('--yes', 'delete; without it, the command only says what would be deleted')
    .action(remove)
}

function withOptions(command: Command): Command {
  return command
    .requiredOption('--email <email>', 'e-mail address of the person')
    .option('--tenant <subdomain>', 'the tenant of the account: needed with IDENTITY_SCOPE=tenant')
    .option('--reason <text>', 'reason for the platform log (default: the command line)')
    .option('--json', 'print JSON')
}

interface PersonOptions extends PlatformOptions {
  email: string
  tenant?: string
}

type Change = typeof disableUser

async function remove(options: PersonOptions & { yes?: boolean }): Promise<void> {
  if (options.yes) return end('deleted', options, deleteUser)
  const { email } = options
  const tenants = await inPlatform(options, (db, _, id) => tenantsOfUser(db, id))
  throw new OperatorError(
    `nothing is deleted yet: ${email} is a member of ${listed(tenants)}. ` +
      'To delete the person with all memberships and sessions, add --yes',
  )
}

async function end(outcome: string, options: PersonOptions, change: Change): Promise<void> {
  const { email, json } = options
  const tenants = await inPlatform(options, async (db, { app }, id) => {
    const memberOf = await tenantsOfUser(db, id)
    await change(db, app.policy, id).catch((error: unknown) => {
      throw explained(error)
    })
    return memberOf
  })
  if (json) printJson({ email, outcome, tenants })
  else console.log(`${email} is ${outcome}; member of ${listed(tenants)}`)
}

function inPlatform<T>(
  options: PersonOptions,
  work: (db: Kysely<KernelTables>, command: PlatformCommand, id: string) => Promise<T>,
): Promise<T> {
  return runPlatformCommand((command) =>
    command.database.acrossTenants(reasonOf(options), async (db) =>
      work(db, command, await requireUser(db, options)),
    ),
  )
}

async function requireUser(db: Kysely<KernelTables>, { email, tenant }: PersonOptions) {
  if (tenant === undefined) await assertOneAccount(db, email)
  const realm = tenant === undefined ? INSTALLATION_REALM : await realmOf(db, tenant)
  const id = await findUserId(db, realm, email)
  if (id !== undefined) return id
  const where = realm === INSTALLATION_REALM ? '' : ` in ${tenant}`
  throw new OperatorError(`there is no user ${email}${where}: check the address`)
}

async function assertOneAccount(db: Kysely<KernelTables>, email: string): Promise<void> {
  if ((await identityScopeOf(db)) === 'global') return
  throw new OperatorError(
    `each tenant has accounts of its own here: say with --tenant which account of ${email}`,
  )
}

async function realmOf(db: Kysely<KernelTables>, subdomain: string): Promise<string> {
  const id = await findTenantId(db, subdomain)
  if (id === undefined) throw noTenant(subdomain)
  return realmOfTenant(db, id)
}

function explained(error: unknown): unknown {
  if (!(error instanceof AppError) || error.code !== 'member.last_owner') return error
  return new OperatorError(
    `${error.message}: first make another person an owner ` +
      '(tenantry user create --tenant ... --role ...); to stop all access to a tenant immediately, ' +
      'use tenantry tenant suspend',
  )
}

function listed(tenants: readonly string[]): string {
  return tenants.length === 0 ? 'no tenant' : tenants.join(', ')
}
