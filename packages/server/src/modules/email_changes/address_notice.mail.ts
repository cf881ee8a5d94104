import { note, paragraph } from '../../app/mails/blocks.ts'
import { kernelMail } from '../../mail/kernel_mail.ts'
import { AddressMail, findAddressNotice } from './address_secret.ts'

/** The notice to the address that the account had when the change was requested. */
export const addressNoticeMail = kernelMail('users.address_requested', {
  payload: AddressMail,
  async prepare(_ctx, payload, kernel) {
    const found = await findAddressNotice(kernel, payload)
    if (found === undefined) return undefined
    const { old: email, wanted: address, locale } = found
    return { to: { email, locale }, values: { address } }
  },
  sample: { address: 'ann@new.example.com' },
  texts: {
    en: {
      subject: 'A new e-mail address for “{tenant}” was requested',
      what: 'The account with your address at “{tenant}” is to use another e-mail address: “{address}”. It counts once it is confirmed from there.',
      otherwise:
        'If you did not request it, change your password immediately: this voids the request. Then inform your administrator.',
    },
    de: {
      subject: 'Eine neue E-Mail-Adresse für „{tenant}“ wurde angefordert',
      what: 'Das Konto mit Ihrer Adresse bei „{tenant}“ soll eine andere E-Mail-Adresse verwenden: „{address}“. Sie gilt, sobald sie von dort bestätigt ist.',
      otherwise:
        'Wenn Sie das nicht angefordert haben, ändern Sie sofort Ihr Passwort: Das macht die Anforderung ungültig. Informieren Sie dann Ihre Verwaltung.',
    },
  },
  content: (_values, t) => ({
    subject: t('subject'),
    blocks: [paragraph(t('what')), note(t('otherwise'))],
  }),
})
