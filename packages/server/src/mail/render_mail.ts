import type { MailBlock } from '../app/mails/blocks.ts'
import type { MailTemplate } from '../app/mails/mail_template.ts'
import { chooseTexts, type TextChanges } from './choose_texts.ts'
import { htmlMail, type MailBranding } from './html_mail.ts'
import { mailWords } from './mail_words.ts'

/** In whose name a mail is written, and in which language. */
export interface MailSetting {
  appName: string
  tenantName: string
  branding: MailBranding
  /** The first language that the mail has is used: the reader's, the tenant's, the server's. */
  locales: readonly (string | null | undefined)[]
  /** `mailTexts` of the app. */
  changes: TextChanges
}

/** A mail without its recipient. */
export interface RenderedMail {
  subject: string
  text: string
  html: string
}

/** Renders a mail as text and HTML. Throws an Error if a text or a value is missing. */
export function renderMail<Values extends object>(
  template: MailTemplate<Values>,
  values: Values,
  { appName, tenantName, branding, locales, changes }: MailSetting,
): RenderedMail {
  const chosen = chooseTexts(template, changes, locales)
  const words = mailWords(chosen, { ...values, app: appName, tenant: tenantName })
  const { subject, blocks } = template.content(values, words)
  const frame = { locale: chosen.locale, subject, appName, tenantName, branding }
  const text = `${[...blocks.map(blockText), appName].join('\n\n')}\n`
  return { subject, text, html: htmlMail(frame, blocks) }
}

function blockText(block: MailBlock): string {
  return block.kind === 'button' ? `${block.text}:\n${block.url}` : block.text
}
