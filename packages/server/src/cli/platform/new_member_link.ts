import type { Tenant } from '../../app/context.ts'
import { OperatorError } from '../../lib/operator_error.ts'
import { createMail, mailSettingsOf } from '../../mail/mail.ts'
import type { OutgoingMail } from '../../mail/outgoing_mail.ts'
import { writeMail } from '../../mail/write_mail.ts'
import { memberAdded } from '../../modules/members/member_added.mail.ts'
import { createResetLink } from '../../modules/password_resets/reset_links.ts'
import type { SecretChannel } from '../../modules/single_use_secrets/single_use_secrets.ts'
import { closedTenant, findTenant } from '../../tenancy/find_tenant.ts'
import type { NewMember } from './add_member.ts'
import { commandRequest, type PlatformCommand } from './platform_command.ts'

/** A link with which a member sets a password, to be passed on by hand, and how long it is valid. */
interface PrintedLink {
  reset_link: string
  reset_link_minutes: number
}

/** Creates a link that is printed. */
export async function printedLink(
  command: PlatformCommand,
  subdomain: string,
  userId: string,
): Promise<PrintedLink> {
  const tenant = await openTenant(command, subdomain)
  return {
    reset_link: await createLink(command, tenant, userId, 'hand'),
    reset_link_minutes: command.config.PASSWORD_RESET_EXPIRE_MINUTES,
  }
}

/**
 * The link of a new member who has no password. A member whose password was voided gets it by mail, if
 * SMTP_URL is set: the mail says why the old password does not work, and using its link verifies the
 * address. Otherwise, and where the mail is not accepted, the link is printed.
 */
export async function newMemberLink(
  command: PlatformCommand,
  subdomain: string,
  member: NewMember,
): Promise<NewMember> {
  if (!member.created && !member.voided) return member
  if (member.voided && (await mailed(command, subdomain, member)))
    return { ...member, mailed: true }
  return { ...member, ...(await printedLink(command, subdomain, member.id)) }
}

async function mailed(
  command: PlatformCommand,
  subdomain: string,
  { id, email }: NewMember,
): Promise<boolean> {
  if (command.config.SMTP_URL === undefined) return false
  const tenant = await openTenant(command, subdomain)
  const link = await createLink(command, tenant, id, 'mail')
  const mail = await memberAddedMail(command, tenant, id, link)
  try {
    await createMail({ ...mailSettingsOf(command.config), log: console }).send(mail)
    return true
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error)
    console.error(`The mail to ${email} was not sent, so a link is printed instead: ${cause}`)
    return false
  }
}

async function memberAddedMail(
  { app, config, database }: PlatformCommand,
  tenant: Tenant,
  user_id: string,
  link: string,
): Promise<OutgoingMail> {
  const deps = { appName: app.name, changes: app.mailTexts ?? {}, config }
  const values = { link, minutes: config.PASSWORD_RESET_EXPIRE_MINUTES }
  const scope = { tenant, deadline: 'background' } as const
  const mail = await database.inTenant(scope, (db) =>
    writeMail(deps, { db, tenant }, memberAdded, { to: { user_id }, values }),
  )
  if (mail === undefined) throw new OperatorError('the member was removed meanwhile')
  return mail
}

/** The tenant, if it is active, with the origin of its links. */
export async function openTenant(
  { config, database }: PlatformCommand,
  subdomain: string,
): Promise<Tenant> {
  const host = { kind: 'subdomain', subdomain, key: subdomain } as const
  const found = await findTenant(database, host, publicOriginOf(config))
  if (found === undefined || found.suspended) throw closedTenant(found)
  return found.tenant
}

function createLink(
  deps: PlatformCommand,
  tenant: Tenant,
  userId: string,
  channel: SecretChannel,
): Promise<string> {
  return createResetLink(deps, { tenant, userId, request: commandRequest(), channel })
}

function publicOriginOf({ PUBLIC_ORIGIN }: PlatformCommand['config']): string {
  if (PUBLIC_ORIGIN !== undefined) return PUBLIC_ORIGIN
  throw new OperatorError(
    'set PUBLIC_ORIGIN to the same value as on the server: the link contains it',
  )
}
