import { z } from 'zod'
import { note, paragraph } from '../../app/mails/blocks.ts'
import { kernelMail } from '../../mail/kernel_mail.ts'

/** Confirms that a person has deleted their account, and says until when that can be undone. */
export const accountDeleted = kernelMail('users.account_deleted', {
  payload: z.strictObject({ user_id: z.uuid() }),
  priority: -10,
  async prepare({ db }, { user_id }) {
    // A user who was enabled meanwhile is not deleted any more.
    const found = await db
      .selectFrom('tenantry.users')
      .select(['email', 'locale', 'erase_at'])
      .where('id', '=', user_id)
      .executeTakeFirst()
    if (found === undefined || found.erase_at === null) return undefined
    const { email, locale, erase_at } = found
    return { to: { email, locale }, values: { erased: new Date(erase_at) } }
  },
  sample: { erased: new Date('2026-12-24T12:00:00Z') },
  texts: {
    en: {
      subject: 'Your account at “{tenant}” was deleted',
      what: 'You deleted your account. You are signed out everywhere and can no longer sign in, in any workspace.',
      when: 'Your name, your address and your memberships are erased on {date}. What you made in your workspaces stays there.',
      otherwise:
        'If this was not you, or if you have changed your mind, contact the operator of this service before that date: until then the account can be restored.',
    },
    de: {
      subject: 'Ihr Konto bei „{tenant}“ wurde gelöscht',
      what: 'Sie haben Ihr Konto gelöscht. Sie sind überall abgemeldet und können sich in keinem Arbeitsbereich mehr anmelden.',
      when: 'Ihr Name, Ihre Adresse und Ihre Mitgliedschaften werden am {date} gelöscht. Was Sie in Ihren Arbeitsbereichen erstellt haben, bleibt dort.',
      otherwise:
        'Wenn Sie das nicht waren oder es sich anders überlegt haben, wenden Sie sich vor diesem Datum an den Betreiber dieses Dienstes: Bis dahin lässt sich das Konto wiederherstellen.',
    },
  },
  content: ({ erased }, t) => ({
    subject: t('subject'),
    blocks: [
      paragraph(t('what')),
      paragraph(t('when', { date: t.dateTime(erased) })),
      note(t('otherwise')),
    ],
  }),
})
