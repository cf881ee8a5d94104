import { button, note, paragraph } from '../../app/mails/blocks.ts'
import { kernelMail } from '../../mail/kernel_mail.ts'
import { findMailedSecret } from '../single_use_secrets/single_use_secrets.ts'
import { AddressMail, addressUrl, wantedAddress } from './address_secret.ts'

/** The mail with the link that verifies the address of an account. */
export const addressVerificationMail = kernelMail('users.verify_address', {
  payload: AddressMail,
  priority: -10,
  async prepare({ db, tenant }, payload, kernel) {
    const found = await findMailedSecret(kernel, payload, 'email_verification')
    if (found === undefined) return undefined
    const { locale, minutes } = found
    const email = wantedAddress(found)
    const link = await addressUrl(kernel, { db, tenant }, 'verification', found)
    return { to: { email, locale }, values: { link, minutes } }
  },
  sample: {
    link: 'https://acme.example.com/auth/verify#purpose=verification&token=sample',
    minutes: 60,
  },
  texts: {
    en: {
      subject: 'Confirm your e-mail address for “{tenant}”',
      what: 'Please confirm the e-mail address of your account at “{tenant}”.',
      instruction: 'To do so, open this link within {duration}. It works once.',
      button: 'Confirm the address',
      otherwise: 'If you did not request it, ignore this mail: nothing changes.',
    },
    de: {
      subject: 'E-Mail-Adresse für „{tenant}“ bestätigen',
      what: 'Bitte bestätigen Sie die E-Mail-Adresse Ihres Kontos bei „{tenant}“.',
      instruction: 'Öffnen Sie dazu diesen Link. Er gilt {duration} und funktioniert einmal.',
      button: 'Adresse bestätigen',
      otherwise:
        'Wenn Sie das nicht angefordert haben, ignorieren Sie diese E-Mail: Es ändert sich nichts.',
    },
  },
  content: ({ link, minutes }, t) => ({
    subject: t('subject'),
    blocks: [
      paragraph(t('what')),
      paragraph(t('instruction', { duration: t.duration(minutes) })),
      button(link, t('button')),
      note(t('otherwise')),
    ],
  }),
})
