import { button, note, paragraph } from '../../app/mails/blocks.ts'
import { kernelMail } from '../../mail/kernel_mail.ts'
import { findMailedSecret } from '../single_use_secrets/single_use_secrets.ts'
import { AddressMail, addressUrl, isAddressTaken, wantedAddress } from './address_secret.ts'

/**
 * The mail to the new address. If another account has it, the mail says so to the owner of the mailbox, and has
 * no link: the client that asked learns nothing.
 */
export const addressChangeMail = kernelMail('users.new_address', {
  payload: AddressMail,
  priority: -10,
  async prepare({ db, tenant }, payload, kernel) {
    const found = await findMailedSecret(kernel, payload, 'email_change')
    if (found === undefined) return undefined
    const { locale, minutes } = found
    const email = wantedAddress(found)
    const isTaken = await isAddressTaken(kernel, payload.user_id, email)
    const link = isTaken ? '' : await addressUrl(kernel, { db, tenant }, 'change', found)
    return { to: { email, locale }, values: { link, minutes } }
  },
  sample: { link: 'https://acme.example.com/auth/verify#purpose=change&token=sample', minutes: 60 },
  texts: {
    en: {
      subject: 'Your e-mail address for “{tenant}”',
      what: 'An account at “{tenant}” is to use this e-mail address.',
      instruction:
        'To confirm, open this link within {duration}. It works once, and ends all sessions of the account.',
      button: 'Use this address',
      taken: 'You have an account with this address already, so nothing changes.',
      otherwise: 'If you did not request it, ignore this mail: nothing changes.',
    },
    de: {
      subject: 'Ihre E-Mail-Adresse für „{tenant}“',
      what: 'Ein Konto bei „{tenant}“ soll diese E-Mail-Adresse verwenden.',
      instruction:
        'Öffnen Sie diesen Link, um sie zu bestätigen. Er gilt {duration}, funktioniert einmal und beendet alle Sitzungen des Kontos.',
      button: 'Diese Adresse verwenden',
      taken: 'Es gibt schon ein Konto mit dieser Adresse, deshalb ändert sich nichts.',
      otherwise:
        'Wenn Sie das nicht angefordert haben, ignorieren Sie diese E-Mail: Es ändert sich nichts.',
    },
  },
  content: ({ link, minutes }, t) => ({
    subject: t('subject'),
    blocks: [
      paragraph(t('what')),
      ...(link === ''
        ? [paragraph(t('taken'))]
        : [
            paragraph(t('instruction', { duration: t.duration(minutes) })),
            button(link, t('button')),
          ]),
      note(t('otherwise')),
    ],
  }),
})
