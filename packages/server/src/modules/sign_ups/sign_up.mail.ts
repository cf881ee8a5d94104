import { appOrigin } from '../../access/installation_origin.ts'
import { button, code, note, paragraph } from '../../app/mails/blocks.ts'
import {
  type InstallationMailContext,
  installationMail,
  type WaitingMail,
} from '../../mail/installation_mail.ts'
import { mailedCode, mailedSecrets } from '../../mail/mailed_secret.ts'

/**
 * The mail with the code and the link of a sign-up. Anyone can have it sent to any mailbox, so it quotes nothing that
 * its sender chose. Its subject, which a locked screen may show, has no code.
 */
export const signUpMail = installationMail('sign_ups.mail', {
  async prepare(_db, waiting, kernel) {
    const found = signUpOf(waiting, kernel)
    if (found === undefined) return undefined
    const { id, email, token, minutes } = found
    const link = kernel.config.SIGN_UP_URL.replaceAll('{origin}', appOrigin(kernel.config))
      .replaceAll('{id}', id)
      .replaceAll('{token}', token)
    return {
      to: { email, locale: waiting.locale },
      values: { link, code: mailedCode(token), minutes },
    }
  },
  sample: {
    link: 'https://example.com/auth/sign-up#id=sample&token=sample',
    code: '123456',
    minutes: 60,
  },
  texts: {
    en: {
      subject: 'Your code for {app}',
      what: 'You are about to create a workspace. Enter this code on the page where you began:',
      instruction: 'Or continue here. Code and link are valid for {duration}, and work once.',
      button: 'Continue',
      otherwise:
        'If you did not request it, ignore this mail: nothing is created without the code.',
    },
    de: {
      subject: 'Ihr Code für {app}',
      what: 'Sie legen gerade einen Arbeitsbereich an. Geben Sie diesen Code auf der Seite ein, auf der Sie begonnen haben:',
      instruction:
        'Oder machen Sie hier weiter. Code und Link gelten {duration} und funktionieren einmal.',
      button: 'Weiter',
      otherwise:
        'Wenn Sie das nicht angefordert haben, ignorieren Sie diese E-Mail: Ohne den Code wird nichts angelegt.',
    },
  },
  content: ({ link, code: digits, minutes }, t) => ({
    subject: t('subject'),
    blocks: [
      paragraph(t('what')),
      code(digits),
      paragraph(t('instruction', { duration: t.duration(minutes) })),
      button(link, t('button')),
      note(t('otherwise')),
    ],
  }),
})

// Undefined if it was confirmed or has expired: then there is nothing to send.
function signUpOf(
  { sign_up_id: id, sign_up_email, sign_up_hash, sign_up_minutes }: WaitingMail,
  { keys }: InstallationMailContext,
) {
  if (id === null || sign_up_email === null || sign_up_minutes === null) return undefined
  const secret = mailedSecrets(keys, id).find(({ hash }) => sign_up_hash?.equals(hash))
  return secret && { id, email: sign_up_email, token: secret.token, minutes: sign_up_minutes }
}
