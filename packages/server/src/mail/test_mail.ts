import { note, paragraph } from '../app/mails/blocks.ts'
import { mailTemplate } from '../app/mails/mail_template.ts'

/** Shows an operator that mail arrives. In English, as the command line is. */
export const testMail = mailTemplate('mail.test', {
  sample: { at: new Date(0) },
  texts: {
    en: {
      subject: 'Test mail of {app}',
      what: 'The mails of {app} arrive at this address.',
      when: 'Sent on {date} by “tenantry mail test”.',
    },
  },
  content: ({ at }, t) => ({
    subject: t('subject'),
    blocks: [paragraph(t('what')), note(t('when', { date: t.dateTime(at) }))],
  }),
})
