import type { Kysely } from 'kysely'
import { INSTALLATION_REALM } from '../../access/realm.ts'
import { button, note, paragraph } from '../../app/mails/blocks.ts'
import type { KernelTables } from '../../db/tables.ts'
import { installationMail } from '../../mail/installation_mail.ts'
import { homeOf } from '../../tenancy/find_tenant.ts'
import { workspacesOf } from '../tenants/tenants.ts'

/** The mail with the tenants of a person. An address without one gets none. */
export const tenantReminderMail = installationMail('tenant_reminders.mail', {
  async prepare(db, { email, locale }, { config }) {
    const user = email === null ? undefined : await findReader(db, email)
    const found = user === undefined ? [] : await workspacesOf(db, user.id)
    if (user === undefined || found.length === 0) return undefined
    const workspaces = found.slice(0, MAX_SHOWN).map((it) => ({
      name: it.name,
      link: `${homeOf(config.PUBLIC_ORIGIN.replaceAll('{tenant}', it.subdomain), it.primary_domain)}/`,
    }))
    const to = { email: user.email, locale: locale ?? user.locale }
    return { to, values: { workspaces, more: found.length - workspaces.length } }
  },
  sample: {
    workspaces: [
      { name: 'Acme', link: 'https://acme.example.com/' },
      { name: 'Globex', link: 'https://globex.example.com/' },
    ],
    more: 0,
  },
  texts: {
    en: {
      subject: 'Your workspaces at {app}',
      what: 'These are the workspaces of your account at {app}:',
      open: 'Open {name}',
      more: 'There are {more} more.',
      otherwise: 'If you did not request this mail, ignore it.',
    },
    de: {
      subject: 'Ihre Arbeitsbereiche bei {app}',
      what: 'Das sind die Arbeitsbereiche Ihres Kontos bei {app}:',
      open: '{name} öffnen',
      more: 'Es gibt {more} weitere.',
      otherwise: 'Wenn Sie diese E-Mail nicht angefordert haben, ignorieren Sie sie.',
    },
  },
  content: ({ workspaces, more }, t) => ({
    subject: t('subject'),
    blocks: [
      paragraph(t('what')),
      ...workspaces.map(({ name, link }) => button(link, t('open', { name }))),
      ...(more > 0 ? [paragraph(t('more'))] : []),
      note(t('otherwise')),
    ],
  }),
})

const MAX_SHOWN = 50

// Goes to the stored address, and not to what a client has typed.
function findReader(db: Kysely<KernelTables>, key: string) {
  return db
    .selectFrom('tenantry.users')
    .select(['id', 'email', 'locale'])
    .where('realm_id', '=', INSTALLATION_REALM)
    .where('email_key', '=', key)
    .executeTakeFirst()
}
