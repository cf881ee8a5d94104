import type { MailTemplate } from '../app/mails/mail_template.ts'
import { localesOf, type TextChanges } from './choose_texts.ts'
import { type RenderedMail, renderMail } from './render_mail.ts'

/** A mail with its sample values. */
export interface MailPreview extends RenderedMail {
  name: string
  locale: string
}

/** Renders every mail in each of its languages. Throws an Error that names the mail which cannot be. */
export function mailPreviews(
  templates: readonly MailTemplate[],
  appName: string,
  changes: TextChanges,
): MailPreview[] {
  const setting = { appName, tenantName: 'Acme', branding: { color: '#0f766e' }, changes }
  return templates.flatMap((template) =>
    localesOf(template, changes).map((locale) => {
      try {
        const sample = template.sample as never
        const rendered = renderMail(template, sample, { ...setting, locales: [locale] })
        return { name: template.name, locale, ...rendered }
      } catch (cause) {
        throw new Error(`mail "${template.name}" in ${locale}: ${String(cause)}`, { cause })
      }
    }),
  )
}
