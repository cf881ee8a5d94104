import { z } from 'zod'
import type { Tenant } from '../../app/context.ts'
import { button, note, paragraph } from '../../app/mails/blocks.ts'
import type { Config } from '../../config/config.ts'
import { kernelMail } from '../../mail/kernel_mail.ts'
import { findMailedSecret, NO_USER } from '../single_use_secrets/single_use_secrets.ts'

const Payload = z.strictObject({ secret_id: z.uuid(), user_id: z.uuid().nullable() })

/** The mail with a reset link. Its token is sent nowhere else. */
export const passwordResetMail = kernelMail('password_resets.mail', {
  payload: Payload,
  // Before an app's own mails: a person waits for it.
  priority: -10,
  async prepare({ tenant }, { secret_id, user_id }, kernel) {
    const secret = { secret_id, user_id: user_id ?? NO_USER }
    const found = await findMailedSecret(kernel, secret, 'password_reset')
    if (found === undefined) return undefined
    const { email, locale, token, minutes } = found
    const link = resetUrl(kernel.config, tenant, token)
    return { to: { email, locale }, values: { link, minutes } }
  },
  sample: { link: 'https://acme.example.com/auth/reset-password#token=sample', minutes: 30 },
  texts: {
    en: {
      subject: 'Choose a new password for “{tenant}”',
      request: 'A new password was requested for your account at “{tenant}”.',
      instruction: 'To set one, open this link within {duration}. It works once.',
      button: 'Choose a new password',
      otherwise: 'If you did not request it, ignore this mail. Your password is unchanged.',
    },
    de: {
      subject: 'Neues Passwort für „{tenant}“ wählen',
      request: 'Für Ihr Konto bei „{tenant}“ wurde ein neues Passwort angefordert.',
      instruction: 'Öffnen Sie dazu diesen Link. Er gilt {duration} und funktioniert einmal.',
      button: 'Neues Passwort wählen',
      otherwise:
        'Wenn Sie das nicht angefordert haben, ignorieren Sie diese E-Mail. Ihr Passwort ist unverändert.',
    },
  },
  content: ({ link, minutes }, t) => ({
    subject: t('subject'),
    blocks: [
      paragraph(t('request')),
      paragraph(t('instruction', { duration: t.duration(minutes) })),
      button(link, t('button')),
      note(t('otherwise')),
    ],
  }),
})

/** The link with a reset token, at the origin of the installation. */
export function resetUrl(
  { RESET_URL }: Pick<Config, 'RESET_URL'>,
  { issuer, subdomain }: Pick<Tenant, 'issuer' | 'subdomain'>,
  token: string,
): string {
  return RESET_URL.replaceAll('{origin}', issuer)
    .replaceAll('{tenant}', subdomain)
    .replaceAll('{token}', token)
}
