import type { CommandConfig } from '../../config/config.ts'
import { greetSmtp } from '../../mail/smtp.ts'
import type { Check } from './check.ts'
import { masked } from './settings.ts'

/** Where mail goes, and whether the server there takes it; nothing is sent. */
export async function checkMail(config: CommandConfig): Promise<Check[]> {
  const { SMTP_URL, MAIL_FROM, production } = config
  const said = (state: Check['state'], detail: string): Check => ({ name: 'mail', state, detail })
  if (SMTP_URL === undefined) {
    return production
      ? [said('warn', 'SMTP_URL is not set: no mail will be sent')]
      : [said('ok', 'kept under DATA_DIR, shown at /dev/mail')]
  }
  const where = masked(SMTP_URL)
  const rejection = await greetSmtp(SMTP_URL).then(() => undefined, reasonOf)
  const greeted = rejection
    ? said(production ? 'fail' : 'warn', `${where} takes no mail (${rejection}): correct SMTP_URL`)
    : said('ok', `${where}, from ${MAIL_FROM}`)
  const own = !production || !MAIL_FROM.includes('localhost')
  return own ? [greeted] : [greeted, said('warn', `MAIL_FROM is ${MAIL_FROM}: set it to yours`)]
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? (error.message.split('\n')[0] ?? error.name) : String(error)
}
