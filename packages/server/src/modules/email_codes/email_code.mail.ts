import { z } from 'zod'
import { code, note, paragraph } from '../../app/mails/blocks.ts'
import { kernelMail } from '../../mail/kernel_mail.ts'
import { mailedCode } from '../../mail/mailed_secret.ts'
import { findMailedSecret } from '../single_use_secrets/single_use_secrets.ts'

const Payload = z.strictObject({ secret_id: z.uuid(), user_id: z.uuid() })

/** The mail with the code that verifies an address at sign-in. The code is in no row. */
export const emailCodeMail = kernelMail('users.email_code', {
  payload: Payload,
  priority: -10,
  async prepare(_ctx, payload, kernel) {
    const found = await findMailedSecret(kernel, payload, 'email_verification')
    if (found === undefined) return undefined
    const { email, locale, token, minutes } = found
    return { to: { email, locale }, values: { digits: mailedCode(token), minutes } }
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
