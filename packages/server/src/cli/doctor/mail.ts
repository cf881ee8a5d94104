import type { CommandConfig } from '../../config/config.ts'
import { verifySmtp } from '../../mail/smtp.ts'
import type { Check } from './check.ts'
import { masked } from './settings.ts'
import { describeSmtpFault } from './smtp_fault.ts'

/** Checks whether the mail server accepts connections. Sends nothing. */
export async function checkMail(config: CommandConfig): Promise<Check[]> {
  const { SMTP_URL, MAIL_FROM, production } = config
  const check = (state: Check['state'], detail: string): Check => ({ name: 'mail', state, detail })
  if (SMTP_URL === undefined) return [check(production ? 'warn' : 'ok', withoutSmtp(config))]
  const fault = await verifySmtp(SMTP_URL).then(
    () => undefined,
    (error: unknown) => smtpFault(SMTP_URL, error),
  )
  const connection =
    fault === undefined
      ? check('ok', `${masked(SMTP_URL)}, from ${MAIL_FROM}`)
      : check(production ? 'fail' : 'warn', fault)
  if (!production || !MAIL_FROM.includes('localhost')) return [connection]
  return [connection, check('warn', `MAIL_FROM is ${MAIL_FROM}: set it to an address of yours`)]
}

/** Where mails go without SMTP_URL. */
export function withoutSmtp({ production }: Pick<CommandConfig, 'production'>): string {
  const instead = production
    ? 'no mail is sent'
    : 'mail is stored under DATA_DIR, shown at /dev/mail'
  return `SMTP_URL is not set: ${instead}`
}

/** What is wrong with the mail server or its settings, and what to do. */
export function smtpFault(url: string, error: unknown): string {
  return `${masked(url)} does not accept mail ${describeSmtpFault(error)}`
}
