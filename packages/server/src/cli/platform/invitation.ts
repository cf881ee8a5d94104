import { Command } from 'commander'
import { loadMember } from '../../access/load_actor.ts'
import type { GrantRules } from '../../access/permissions.ts'
import type { AuditNote, TenantContext } from '../../app/context.ts'
import type { App } from '../../app/define_app.ts'
import { recordAudit } from '../../audit/audit_log.ts'
import type { KernelTables } from '../../db/tables.ts'
import { enqueueIn } from '../../jobs/enqueue.ts'
import { Deadline } from '../../lib/deadline.ts'
import { emailKey } from '../../lib/email_address.ts'
import { unprocessable } from '../../lib/errors.ts'
import { newId } from '../../lib/ids.ts'
import { OperatorError } from '../../lib/operator_error.ts'
import { unlimited } from '../../limits/attempt_limiter.ts'
import { NewInvitation } from '../../modules/invitations/invitations.schema.ts'
import {
  allInvitations,
  createInvitation,
  deliverInvitation,
  type InviteDeps,
  revokeInvitation,
} from '../../modules/invitations/invitations.ts'
import { findUserId } from '../../modules/users/users.ts'
import { printJson, printTable } from '../print.ts'
import { assertRoles } from './add_member.ts'
import { personNameOf } from './arguments.ts'
import { openTenant } from './new_member_link.ts'
import {
  commandRequest,
  type PlatformCommand,
  type PlatformOptions,
  reasonOf,
  runPlatformCommand,
  withPlatformOptions,
} from './platform_command.ts'

/** `tenantry invitation`. */
export function invitationCommand(): Command {
  const invitation = new Command('invitation')
    .description(
      'Invite people by mail, in the name of a member. No command prints a link: it leaves by mail only.',
    )
    .addHelpText('after', examples)
  withSender(withAddress(invitation.command('create')))
    .description('invite a person')
    .option('--role <role>', 'role in the tenant; may be repeated', collect, [])
    .option('--name <name>', 'name of the person', personNameOf, '')
    .option('--message <text>', 'a line that the mail quotes', '')
    .option('--locale <tag>', 'language of the mail, such as de')
    .action(create)
  withTenant(invitation.command('list'))
    .description('list invitations that were not accepted yet')
    .action(list)
  withSender(withAddress(invitation.command('deliver')))
    .description('send an invitation again, with a new link; the earlier one stops working')
    .action(deliver)
  withAddress(invitation.command('revoke'))
    .description('revoke an invitation: its link stops working')
    .action(revoke)
  return invitation
}

function withTenant(command: Command): Command {
  return withPlatformOptions(
    command.requiredOption('--tenant <subdomain>', 'subdomain of the tenant'),
  )
}

function withAddress(command: Command): Command {
  return withTenant(command).requiredOption('--email <email>', 'address of the invited person')
}

// Acceptance compares the roles with what this member holds then.
function withSender(command: Command): Command {
  return command.requiredOption('--as <email>', 'the member in whose name the mail is sent')
}

interface Options extends PlatformOptions {
  tenant: string
}

interface AddressOptions extends Options {
  email: string
}

interface SenderOptions extends AddressOptions {
  as: string
}

interface CreateOptions extends SenderOptions {
  role: string[]
  name: string
  message: string
  locale?: string
}

type Context = TenantContext<KernelTables>
type Work<T> = (ctx: Context, deps: InviteDeps, command: PlatformCommand) => Promise<T>

async function create(options: CreateOptions): Promise<void> {
  const { email, role: roles, name: full_name, message, locale } = options
  const given = NewInvitation.safeParse({
    ...{ email, roles, full_name, message },
    ...(locale !== undefined && { locale }),
  })
  if (!given.success) {
    throw unprocessable(
      given.error.issues.map((it) => ({ pointer: `/${it.path.join('/')}`, message: it.message })),
    )
  }
  const made = await asMember(options, 'invitations.create', async (ctx, deps, { app }) => {
    await assertRoles(ctx.db, app, ctx.tenant.id, roles)
    return createInvitation(ctx, deps, given.data)
  })
  if (options.json) printJson(made)
  else console.log(`invited ${made.email}: a worker of this installation sends the mail`)
}

async function deliver(options: SenderOptions): Promise<void> {
  const sent = await asMember(options, 'invitations.deliver', async (ctx, deps) =>
    deliverInvitation(ctx, deps, await idOf(ctx, options)),
  )
  if (options.json) printJson(sent)
  else console.log(`a new link for ${sent.email} is on its way; the earlier one no longer works`)
}

async function revoke(options: AddressOptions): Promise<void> {
  await inTenant(options, 'invitations.revoke', undefined, async (ctx) => {
    const id = await idOf(ctx, options)
    await revokeInvitation(ctx, id)
    ctx.audit({ entity_id: id })
  })
  if (options.json) printJson({ email: options.email, outcome: 'revoked' })
  else console.log(`the invitation of ${options.email} is revoked`)
}

async function list(options: Options): Promise<void> {
  const rows = await inTenant(options, undefined, undefined, allInvitations)
  if (options.json) return printJson(rows)
  printTable(
    ['EMAIL', 'STATE', 'ROLES', 'INVITED BY', 'EXPIRES AT'],
    rows.map((it) => [
      it.email,
      it.state,
      it.roles.join(', '),
      it.inviter_name ?? '',
      it.expires_at,
    ]),
  )
}

async function idOf(ctx: Pick<Context, 'db'>, { email, tenant }: AddressOptions): Promise<string> {
  const row = await ctx.db
    .selectFrom('tenantry.invitations')
    .select('id')
    .where('email_key', '=', emailKey(email) ?? '')
    .executeTakeFirst()
  if (row !== undefined) return row.id
  throw new OperatorError(
    `there is no invitation of ${email}: see tenantry invitation list --tenant ${tenant}`,
  )
}

function asMember<T>(options: SenderOptions, action: string, work: Work<T>): Promise<T> {
  return inTenant(options, action, options.as, work)
}

// The work of the API, in the scope of the tenant. The act is of a platform admin: its row in the log has no actor,
// and names the member.
function inTenant<T>(
  options: Options,
  action: string | undefined,
  sender: string | undefined,
  work: Work<T>,
): Promise<T> {
  return runPlatformCommand(async (command) => {
    const tenant = await openTenant(command, options.tenant)
    const userId = await command.database.acrossTenants(reasonOf(options), (db) =>
      sender === undefined ? Promise.resolve(undefined) : findUserId(db, tenant.realm, sender),
    )
    const request = commandRequest()
    return command.database.inTenant({ tenant, deadline: 'background' }, async (db) => {
      let note: AuditNote = {}
      const member = userId && (await loadMember(db, command.app.policy, userId, newId()))
      if (sender !== undefined && !member) {
        throw new OperatorError(`${sender} is no active member of ${options.tenant}`)
      }
      const ctx: Context = {
        ...{ tenant, request, db, deadline: new Deadline(WAIT_MS) },
        actor: member || unknownMember,
        audit: (added) => {
          note = { ...note, ...added }
        },
        enqueue: enqueueIn(
          () => ({ db, requestId: request.id, ...(member && { actorId: member.user.id }) }),
          () => {},
        ),
        cursors: { seal: String, open: String },
        requireMatch: () => {},
      }
      const result = await work(ctx, depsOf(command), command)
      if (action === undefined) return result
      const meta = { ...note.meta, ...(userId && { as: userId }), reason: reasonOf(options) }
      const about = { entity: 'invitations', entity_id: note.entity_id ?? idIn(result) }
      await recordAudit(db, request, { action, ...about, meta })
      return result
    })
  })
}

const WAIT_MS = 60_000

const unknownMember: Context['actor'] = {
  user: { id: '', email: '', full_name: '' },
  credential: { kind: 'job', id: '' },
  roles: [],
  permissions: new Set(),
}

function idIn(result: unknown): string {
  return typeof result === 'object' && result !== null && 'id' in result ? String(result.id) : ''
}

// A platform admin is not limited in mails.
function depsOf({ app, config }: PlatformCommand): InviteDeps {
  const background = { run: (_: string, work: () => Promise<unknown>) => void work() }
  return { config, rules: rulesOf(app), attemptLimiter: unlimited, background }
}

function rulesOf({ policy, routes }: App): GrantRules {
  const guarded = routes.map((it) => it.access).filter((it) => it.startsWith('role:'))
  return { policy, guarded: new Set(guarded) }
}

function collect(value: string, previous: string[]): string[] {
  return [...previous, value]
}

const examples = `
Examples:
  $ tenantry invitation create --tenant acme --email ann@acme.com --role manager --as bob@acme.com
  $ tenantry invitation list --tenant acme --json
  $ tenantry invitation deliver --tenant acme --email ann@acme.com --as bob@acme.com
  $ tenantry invitation revoke --tenant acme --email ann@acme.com`
