import { sql } from 'kysely'
import { z } from 'zod'
import { code, note, paragraph } from '../../app/mails/blocks.ts'
import { type KernelMailContext, kernelMail } from '../../mail/kernel_mail.ts'
import { mailedCode, mailedSecrets } from '../../mail/mailed_secret.ts'
import { secretWorks } from '../single_use_secrets/single_use_secrets.ts'

const Payload = z.strictObject({ secret_id: z.uuid(), user_id: z.uuid() })

/** The mail with the code that verifies an address at sign-in. The code is in no row. */
export const emailCodeMail = kernelMail('users.email_code', {
  payload: Payload,
  priority: -10,
  async prepare(_ctx, payload, kernel) {
    const found = await findCode(kernel, payload)
    if (found === undefined) return undefined
    const { email, locale, digits, minutes } = found
    return { to: { email, locale }, values: { digits, minutes } }
  },
  sample: { digits: '314159', minutes: 15 },
  texts: {
    en: {
      subject: 'Your code for “{tenant}”',
      what: 'Enter this code where you are signing in to “{tenant}”. It confirms your e-mail address, and works once within {duration}.',
      otherwise:
        'If you are not signing in, do not give this code to anyone: another person is using your e-mail address for an account of their own, or knows your password.',
    },
    de: {
      subject: 'Ihr Code für „{tenant}“',
      what: 'Geben Sie diesen Code dort ein, wo Sie sich bei „{tenant}“ anmelden. Er bestätigt Ihre E-Mail-Adresse, gilt {duration} und funktioniert einmal.',
      otherwise:
        'Wenn Sie sich gerade nicht anmelden, geben Sie diesen Code niemandem: Jemand verwendet Ihre E-Mail-Adresse für ein eigenes Konto oder kennt Ihr Passwort.',
    },
  },
  content: ({ digits, minutes }, t) => ({
    subject: t('subject'),
    blocks: [
      paragraph(t('what', { duration: t.duration(minutes) })),
      code(digits),
      note(t('otherwise')),
    ],
  }),
})

// Undefined if it was used or replaced, or has expired: then there is nothing to send.
async function findCode(
  { keys, asIdentity }: KernelMailContext,
  { secret_id, user_id }: z.output<typeof Payload>,
) {
  const secrets = mailedSecrets(keys, secret_id)
  const found = await asIdentity((db) =>
    db
      .selectFrom('tenantry.single_use_secrets as r')
      .innerJoin('tenantry.users as u', 'u.id', 'r.user_id')
      .select(['u.email', 'u.locale', 'r.hash'])
      .select(sql<number>`ceil(extract(epoch from r.expires_at - now()) / 60)::int`.as('minutes'))
      .where(
        'r.hash',
        'in',
        secrets.map((it) => it.hash),
      )
      .where('r.user_id', '=', user_id)
      .where('r.code_mac', 'is not', null)
      .where(secretWorks)
      .executeTakeFirst(),
  )
  const token = secrets.find(({ hash }) => found?.hash.equals(hash))?.token
  return found && token !== undefined ? { ...found, digits: mailedCode(token) } : undefined
}
