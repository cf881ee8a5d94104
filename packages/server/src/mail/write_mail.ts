import type { Kysely } from 'kysely'
import type { MailRecipient, PreparedMail } from '../app/mails/mail_job.ts'
import type { MailTemplate } from '../app/mails/mail_template.ts'
import type { Config } from '../config/config.ts'
import type { KernelTables } from '../db/tables.ts'
import { unlinked } from '../lib/unlinked.ts'
import { brandingOf, LOGO_PATH } from '../tenancy/branding.ts'
import type { TextChanges } from './choose_texts.ts'
import type { OutgoingMail } from './outgoing_mail.ts'
import { renderMail } from './render_mail.ts'

/** What a mail needs of the app and the server. */
export interface WriterDeps {
  appName: string
  /** `mailTexts` of the app. */
  changes: TextChanges
  config: Pick<Config, 'DEFAULT_LOCALE'>
}

/** The rows of the tenant in whose name a mail is written. */
export interface WriterScope {
  db: Kysely<KernelTables>
  tenant: { id: string; name: string; issuer: string }
}

/**
 * Writes a mail in the tenant's name and the reader's language. Undefined if the reader is a user who is no
 * active member: a mail in the tenant's name is not for them.
 */
export async function writeMail<Values extends object>(
  { appName, changes, config }: WriterDeps,
  scope: WriterScope,
  template: MailTemplate<Values>,
  { to, values }: PreparedMail<Values>,
): Promise<OutgoingMail | undefined> {
  const reader = await readerOf(scope, to)
  if (reader === undefined) return undefined
  const { color, logo, locale, reply_to: replyTo } = brandingOf(reader.branding)
  // A mailbox that may belong to no member has not asked for the name either.
  const tenantName = 'email' in to ? unlinked(scope.tenant.name) : scope.tenant.name
  const locales = [reader.locale, locale, config.DEFAULT_LOCALE]
  // On the subdomain, and not on a custom domain: the mail names no host whose DNS a customer controls.
  const url = scope.tenant.issuer + LOGO_PATH
  const branding = { color, logo: logo && { ...logo, url } }
  const setting = { appName, tenantName, branding, locales, changes }
  const rendered = renderMail(template, values, setting)
  const reply = replyTo === undefined ? {} : { replyTo }
  return { fromName: tenantName, to: reader.email, ...reply, ...rendered }
}

interface Reader {
  email: string
  locale?: string | null
  branding: unknown
}

async function readerOf(
  { db, tenant }: WriterScope,
  to: MailRecipient,
): Promise<Reader | undefined> {
  if ('email' in to) {
    const tenants = db.selectFrom('tenantry.tenants').where('id', '=', tenant.id)
    const row = await tenants.select('branding').executeTakeFirst()
    return { ...to, branding: row?.branding }
  }
  return db
    .selectFrom(['tenantry.tenants as t', 'tenantry.members as m'])
    .innerJoin('tenantry.users as u', 'u.id', 'm.user_id')
    .select(['u.email', 'u.locale', 't.branding'])
    .where('t.id', '=', tenant.id)
    .where('m.user_id', '=', to.user_id)
    .where('m.is_active', '=', true)
    .where('u.is_active', '=', true)
    .executeTakeFirst()
}
