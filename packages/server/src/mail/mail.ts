import type { Logger } from 'pino'
import { UnrecoverableError } from '../app/jobs/job.ts'
import { emailKey } from '../lib/email_address.ts'
import { type CaughtMail, createMailFolder } from './mail_folder.ts'
import type { OutgoingMail } from './outgoing_mail.ts'
import { createSmtp } from './smtp.ts'

export interface Mail {
  /** Resolves when the SMTP server has accepted the mail. Throws if it rejects it or does not respond. */
  send(mail: OutgoingMail, signal?: AbortSignal): Promise<void>
  /** In development without SMTP_URL: the mails that were stored instead, newest first. */
  caught?: () => Promise<CaughtMail[]>
}

export interface MailSettings {
  smtpUrl: string | undefined
  from: string
  dataDir: string
  production: boolean
  /** For a process that sends many: they share connections to the SMTP server. */
  sharesConnections?: boolean
  log: Pick<Logger, 'warn'>
}

/**
 * Sends mail by SMTP if SMTP_URL is set. Otherwise mail is stored under the data folder, but in production
 * only a warning is logged: a reset link in a file would grant access to its readers.
 */
export function createMail(settings: MailSettings): Mail {
  const { smtpUrl, from, dataDir, production, sharesConnections, log } = settings
  if (smtpUrl !== undefined) return checked(createSmtp(smtpUrl, from, sharesConnections))
  if (production) return createDroppedMail(log)
  const folder = createMailFolder(dataDir)
  return { ...checked(folder.store), caught: folder.list }
}

function checked(deliver: Mail['send']): Mail {
  return {
    async send(mail, signal) {
      assertAddress(mail.to)
      if (mail.replyTo !== undefined) assertAddress(mail.replyTo)
      // A name in the subject may contain a line break, which would add a header.
      await deliver({ ...mail, subject: inOneLine(mail.subject) }, signal)
    },
  }
}

function inOneLine(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ')
}

function createDroppedMail(log: MailSettings['log']): Mail {
  log.warn('SMTP_URL is not set: no mail is sent; `tenantry user reset-link` prints reset links')
  return {
    // Logs neither the text, which contains a token, nor the recipient, who is a person.
    send: async () => log.warn('a mail was not sent: SMTP_URL is not set'),
  }
}

// Stored addresses were validated on input. This check also covers rows that were written otherwise.
function assertAddress(address: string): void {
  if (emailKey(address) === undefined || address !== address.trim().normalize('NFKC')) {
    throw new UnrecoverableError('the recipient of a mail is not a single plain e-mail address')
  }
}
