import type { Logger } from 'pino'
import { emailKey } from '../lib/email_address.ts'
import { type CaughtMail, createMailFolder } from './mail_folder.ts'
import type { OutgoingMail } from './outgoing_mail.ts'
import { createSmtp } from './smtp.ts'

export interface Mail {
  /** Resolves when the next server has taken the mail. Throws when it would not, or not in time. */
  send(mail: OutgoingMail): Promise<void>
  /** Development without SMTP_URL: what would have been sent, newest first. */
  caught?: () => Promise<CaughtMail[]>
}

export interface MailSettings {
  smtpUrl: string | undefined
  from: string
  dataDir: string
  production: boolean
  log: Pick<Logger, 'warn'>
}

/**
 * The way out for mail: SMTP where it is set; otherwise files under the data folder, and in
 * production nothing but a warning, because a reset link in a file is a way in for its readers.
 */
export function createMail({ smtpUrl, from, dataDir, production, log }: MailSettings): Mail {
  if (smtpUrl !== undefined) return checked(createSmtp(smtpUrl, from))
  if (production) return nowhere(log)
  const folder = createMailFolder(dataDir)
  return { ...checked(folder.keep), caught: folder.list }
}

function checked(deliver: (mail: OutgoingMail) => Promise<void>): Mail {
  return {
    async send(mail) {
      assertRecipient(mail.to)
      // A name in a subject may hold a line break; a header must not.
      await deliver({ ...mail, subject: mail.subject.replaceAll(/\p{Cc}+/gu, ' ') })
    },
  }
}

function nowhere(log: MailSettings['log']): Mail {
  log.warn('SMTP_URL is not set: no mail will be sent; `tenantry user reset-link` makes links')
  return {
    // Neither the mail nor its recipient: the text holds a token, the address is a person's.
    send: async () => log.warn('a mail was not sent: SMTP_URL is not set'),
  }
}

// What is stored was checked when it came in; this holds whatever way a row was written.
function assertRecipient(to: string): void {
  if (emailKey(to) === undefined || to !== to.trim().normalize('NFKC')) {
    throw new Error('a mail has a recipient that is not one plain e-mail address')
  }
}
