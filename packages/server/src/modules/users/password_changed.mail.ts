import { z } from 'zod'
import { note, paragraph } from '../../app/mails/blocks.ts'
import { kernelMail } from '../../mail/kernel_mail.ts'

/** Notifies a person that the password was changed, and warns them if they did not change it. */
export const passwordChanged = kernelMail('users.password_changed', {
  payload: z.strictObject({ user_id: z.uuid() }),
  priority: -10,
  prepare: async (_ctx, { user_id }) => ({ to: { user_id }, values: {} }),
  sample: {},
  texts: {
    en: {
      subject: 'Your password for “{tenant}” was changed',
      what: 'The password of your account at “{tenant}” was changed. Every session was signed out, except the one that changed it.',
      otherwise:
        'If you did not change it, request a new password immediately and inform your administrator.',
    },
    de: {
      subject: 'Ihr Passwort für „{tenant}“ wurde geändert',
      what: 'Das Passwort Ihres Kontos bei „{tenant}“ wurde geändert. Alle Sitzungen wurden abgemeldet, außer der, die es geändert hat.',
      otherwise:
        'Wenn Sie das nicht waren, fordern Sie sofort ein neues Passwort an und informieren Sie Ihre Administration.',
    },
  },
  content: (_, t) => ({
    subject: t('subject'),
    blocks: [paragraph(t('what')), note(t('otherwise'))],
  }),
})
