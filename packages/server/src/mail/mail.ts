import type { Logger } from 'pino'
import { UnrecoverableError } from '../app/jobs/job.ts'
import type { CommandConfig } from '../config/config.ts'
import { emailKey } from '../lib/email_address.ts'
import { type CaughtMail, createMailFolder } from './mail_folder.ts'
import type { OutgoingMail } from './outgoing_mail.ts'
import { createSmtp } from './smtp.ts'

export interface Mail {
  /**
   * Resolves when the SMTP server has accepted the mail, with its reply, or without one where SMTP_URL is not set.
   * Throws if it rejects it or does not respond.
   */
  send(mail: OutgoingMail, signal?: AbortSignal): Promise<string | undefined>
  /** In development without SMTP_URL: the mails that were stored instead, newest first. */
  caught?: () => Promise<CaughtMail[]>
}

export interface MailSettings {
  smtpUrl: string | undefined
  from: string
  /** Where replies go, unless a mail names an address of its own. */
  replyTo?: string | undefined
  dataDir: string
  production: boolean
  /** For a process that sends many: they share connections to the SMTP server. */
  sharesConnections?: boolean
  /** The message of an error, in place of one that may be stored (smtp.ts). */
  describe?: (error: unknown) => string
  log: Pick<Logger, 'warn'>
}

/** What the settings say of mail. */
export function mailSettingsOf(
  config: Pick<
    CommandConfig,
    'SMTP_URL' | 'MAIL_FROM' | 'MAIL_REPLY_TO' | 'DATA_DIR' | 'production'
  >,
) {
  const { SMTP_URL, MAIL_FROM, MAIL_REPLY_TO, DATA_DIR, production } = config
  return {
    smtpUrl: SMTP_URL,
    from: MAIL_FROM,
    replyTo: MAIL_REPLY_TO,
    dataDir: DATA_DIR,
    production,
  }
}

/**
 * Sends mail by SMTP if SMTP_URL is set. Otherwise mail is stored under the data folder, but in production
 * only a warning is logged: a reset link in a file would grant access to its readers.
 */
export function createMail(settings: MailSettings): Mail {
  const { smtpUrl, from, replyTo, dataDir, production, sharesConnections, describe, log } = settings
  if (smtpUrl !== undefined) {
    const options = { isShared: sharesConnections === true, ...(describe && { describe }) }
    return checked(createSmtp(smtpUrl, from, options), replyTo)
  }
  if (production) return createDroppedMail(log)
  const folder = createMailFolder(dataDir)
  return { ...checked(folder.store, replyTo), caught: folder.list }
}

function checked(deliver: Mail['send'], defaultReplyTo: string | undefined): Mail {
  return {
    async send(mail, signal) {
      const replyTo = mail.replyTo ?? defaultReplyTo
      assertAddress(mail.to)
      if (replyTo !== undefined) assertAddress(replyTo)
      // A name in the subject may contain a line break, which would add a header.
      const checkedMail = { ...mail, subject: inOneLine(mail.subject) }
      return deliver({ ...checkedMail, ...(replyTo === undefined ? {} : { replyTo }) }, signal)
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
    async send() {
      log.warn('a mail was not sent: SMTP_URL is not set')
      return undefined
    },
  }
}

// Stored addresses were validated on input. This check also covers rows that were written otherwise.
function assertAddress(address: string): void {
  if (emailKey(address) === undefined || address !== address.trim().normalize('NFKC')) {
    throw new UnrecoverableError('the recipient of a mail is not a single plain e-mail address')
  }
}
