import type { CommandConfig } from '../../config/config.ts'
import { verifySmtp } from '../../mail/smtp.ts'
import type { Check } from './check.ts'
import { masked } from './settings.ts'

/** Checks whether the mail server accepts connections. Sends nothing. */
export async function checkMail(config: CommandConfig): Promise<Check[]> {
  const { SMTP_URL, MAIL_FROM, production } = config
  const check = (state: Check['state'], detail: string): Check => ({ name: 'mail', state, detail })
  if (SMTP_URL === undefined) {
    return production
      ? [check('warn', 'SMTP_URL is not set: no mail is sent')]
      : [check('ok', 'stored under DATA_DIR, shown at /dev/mail')]
  }
  const where = masked(SMTP_URL)
  const failure = await verifySmtp(SMTP_URL).then(() => undefined, reasonOf)
  const connection = failure
    ? check(
        production ? 'fail' : 'warn',
        `${where} does not accept mail (${failure}): correct SMTP_URL`,
      )
    : check('ok', `${where}, from ${MAIL_FROM}`)
  if (!production || !MAIL_FROM.includes('localhost')) return [connection]
  return [connection, check('warn', `MAIL_FROM is ${MAIL_FROM}: set it to an address of yours`)]
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? (error.message.split('\n')[0] ?? error.name) : String(error)
}
