import { type Kysely, sql } from 'kysely'
import { z } from 'zod'
import type { Tenant } from '../../app/context.ts'
import { button, note, paragraph } from '../../app/mails/blocks.ts'
import type { Config } from '../../config/config.ts'
import type { KernelTables } from '../../db/tables.ts'
import { unlinked } from '../../lib/unlinked.ts'
import { kernelMail } from '../../mail/kernel_mail.ts'
import { mailedSecret } from '../../mail/mailed_secret.ts'
import { storeInvitationSecret } from '../single_use_secrets/single_use_secrets.ts'

/** One delivery of an invitation. A later one takes its place. */
const Payload = z.strictObject({ invitation_id: z.uuid(), delivery: z.int().min(1) })

type Delivery = z.output<typeof Payload>

/**
 * The mail with the link of an invitation. Its job stores the secret first, as the identity role: the app role,
 * which creates the invitation, can neither write nor read one.
 */
export const invitationMail = kernelMail('invitations.mail', {
  payload: Payload,
  async prepare({ db, tenant }, delivery, { asIdentity, config, keys }) {
    const found = await findDelivery(db, delivery)
    // Accepted, revoked, expired or sent again meanwhile: there is nothing to send.
    if (found === undefined) return undefined
    const { email, locale, expires_at, minutes, ...said } = found
    // The mailbox never asked for this mail.
    const about = { inviter: unlinked(said.inviter), message: unlinked(said.message), minutes }
    const { invitation_id, delivery: number } = delivery
    const token = mailedSecret(keys, `invitation ${invitation_id} ${number}`)
    await asIdentity((identity) =>
      storeInvitationSecret(identity, tenant.issuer, { ...delivery, token, expires_at }),
    )
    const link = linkOf(config, tenant, token)
    return { to: { email, locale }, values: { ...about, link } }
  },
  sample: {
    link: 'https://acme.example.com/auth/accept-invitation#token=sample',
    inviter: 'Ann Lee',
    message: 'Welcome to the team',
    minutes: 10_080,
  },
  texts: {
    en: {
      subject: 'Invitation to “{tenant}”',
      what: '“{inviter}” invites you to “{tenant}”.',
      anonymous: 'You are invited to “{tenant}”.',
      words: 'They write: “{message}”',
      instruction: 'To accept, open this link within {duration}. It works once.',
      button: 'See the invitation',
      otherwise: 'If you did not expect this, ignore this mail: nothing happens.',
    },
    de: {
      subject: 'Einladung zu „{tenant}“',
      what: '„{inviter}“ lädt Sie zu „{tenant}“ ein.',
      anonymous: 'Sie sind zu „{tenant}“ eingeladen.',
      words: 'Die Nachricht dazu: „{message}“',
      instruction:
        'Öffnen Sie diesen Link, um anzunehmen. Er gilt {duration} und funktioniert einmal.',
      button: 'Einladung ansehen',
      otherwise: 'Wenn Sie das nicht erwartet haben, ignorieren Sie diese E-Mail.',
    },
  },
  content: ({ link, inviter, message, minutes }, t) => ({
    subject: t('subject'),
    blocks: [
      paragraph(t(inviter === '' ? 'anonymous' : 'what')),
      ...(message === '' ? [] : [paragraph(t('words'))]),
      paragraph(t('instruction', { duration: t.duration(minutes) })),
      button(link, t('button')),
      note(t('otherwise')),
    ],
  }),
})

const MINUTES_PER_DAY = 1_440

function findDelivery(db: Kysely<KernelTables>, { invitation_id, delivery }: Delivery) {
  const days = sql`ceil(extract(epoch from i.expires_at - now()) / 86400)::int`
  return db
    .selectFrom('tenantry.invitations as i')
    .leftJoin('tenantry.users as u', 'u.id', 'i.invited_by')
    .select(['i.email', 'i.locale', 'i.message', 'i.expires_at'])
    .select(sql<string>`coalesce(nullif(u.full_name, ''), u.email, '')`.as('inviter'))
    .select(sql<number>`${days} * ${sql.lit(MINUTES_PER_DAY)}`.as('minutes'))
    .where('i.id', '=', invitation_id)
    .where('i.deliveries', '=', delivery)
    .where('i.expires_at', '>', sql<string>`now()`)
    .executeTakeFirst()
}

// Made of the stored subdomain and never of a request or of a custom domain: the link sets a password.
function linkOf(
  { INVITATION_URL }: Pick<Config, 'INVITATION_URL'>,
  { issuer, subdomain }: Tenant,
  token: string,
): string {
  return INVITATION_URL.replaceAll('{origin}', issuer)
    .replaceAll('{tenant}', subdomain)
    .replaceAll('{token}', token)
}
