import { button, note, paragraph } from '../../app/mails/blocks.ts'
import { mailTemplate } from '../../app/mails/mail_template.ts'

/** Informs a person that they are a new member, and that the password of their unverified address is void. */
export const memberAdded = mailTemplate('members.added', {
  sample: { link: 'https://acme.example.com/auth/reset-password#token=sample', minutes: 30 },
  texts: {
    en: {
      subject: 'You were added to “{tenant}”',
      what: 'You were added to “{tenant}”.',
      why: 'An account with your address existed, but the address was never verified. Its earlier password and sessions are void.',
      instruction: 'To set a new password, open this link within {duration}. It works once.',
      button: 'Set a new password',
      otherwise: 'If you did not expect this, ignore this mail.',
    },
    de: {
      subject: 'Sie wurden zu „{tenant}“ hinzugefügt',
      what: 'Sie wurden zu „{tenant}“ hinzugefügt.',
      why: 'Es gab bereits ein Konto mit Ihrer Adresse, aber die Adresse wurde nie bestätigt. Das bisherige Passwort und alle Sitzungen sind ungültig.',
      instruction:
        'Öffnen Sie diesen Link, um ein neues Passwort zu wählen. Er gilt {duration} und funktioniert einmal.',
      button: 'Neues Passwort wählen',
      otherwise: 'Wenn Sie das nicht erwartet haben, ignorieren Sie diese E-Mail.',
    },
  },
  content: ({ link, minutes }, t) => ({
    subject: t('subject'),
    blocks: [
      paragraph(t('what')),
      paragraph(t('why')),
      paragraph(t('instruction', { duration: t.duration(minutes) })),
      button(link, t('button')),
      note(t('otherwise')),
    ],
  }),
})
