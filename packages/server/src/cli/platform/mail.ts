import { Command, InvalidArgumentError } from 'commander'
import { type CommandConfig, loadCommandConfig, readEnvironment } from '../../config/config.ts'
import { emailKey } from '../../lib/email_address.ts'
import { newId } from '../../lib/ids.ts'
import { OperatorError } from '../../lib/operator_error.ts'
import { createMail, mailSettingsOf } from '../../mail/mail.ts'
import type { OutgoingMail } from '../../mail/outgoing_mail.ts'
import { renderMail } from '../../mail/render_mail.ts'
import { testMail } from '../../mail/test_mail.ts'
import { loadApp } from '../../runtime/load_app.ts'
import { smtpFault, withoutSmtp } from '../doctor/mail.ts'
import { masked } from '../doctor/settings.ts'
import { printJson } from '../print.ts'

/** `tenantry mail`. */
export function mailCommand(): Command {
  const mail = new Command('mail')
    .description('Send a test mail with the settings of the servers.')
    .addHelpText('after', '\nExamples:\n  $ tenantry mail test --to ann@example.com')
  mail
    .command('test')
    .description('send one mail over SMTP_URL, and print what the mail server replied')
    .requiredOption('--to <email>', 'who gets the mail', addressOf)
    .option('--json', 'print JSON')
    .action(sendTestMail)
  return mail
}

// As long as a job may take.
const SEND_MS = 60_000

async function sendTestMail({ to, json }: { to: string; json?: boolean }): Promise<void> {
  const config = loadCommandConfig(readEnvironment(process.cwd()))
  const { SMTP_URL, MAIL_FROM: from, MAIL_REPLY_TO: reply_to = null } = config
  if (SMTP_URL === undefined) throw new OperatorError(`${withoutSmtp(config)}; set it to send mail`)
  const { name } = await loadApp(process.cwd())
  const mail = { id: newId(), to, ...contentFor(name) }
  const reply = await send(mail, SMTP_URL, config)
  const server = masked(SMTP_URL)
  if (json) return printJson({ to, from, reply_to, server, message: mail.id, reply })
  console.log(`${server} accepted a mail to ${to}, from ${from}: ${reply}`)
}

function contentFor(appName: string) {
  const setting = { appName, tenantName: appName, branding: {}, locales: [], changes: {} }
  return renderMail(testMail, { at: new Date() }, setting)
}

async function send(mail: OutgoingMail, url: string, config: CommandConfig) {
  const describe = (error: unknown) => smtpFault(url, error)
  const mailer = createMail({ ...mailSettingsOf(config), describe, log: console })
  try {
    return await mailer.send(mail, AbortSignal.timeout(SEND_MS))
  } catch (error) {
    throw new OperatorError(error instanceof Error ? error.message : String(error))
  }
}

function addressOf(text: string): string {
  const address = text.trim().normalize('NFKC')
  if (emailKey(address) === undefined)
    throw new InvalidArgumentError('It must be one e-mail address.')
  return address
}
