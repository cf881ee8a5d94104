import type { MailTemplate, MailTexts } from '../app/mails/mail_template.ts'

/** Texts that replace those of mails, by name of the mail. */
export type TextChanges = Readonly<Record<string, MailTexts>>

/** The texts of a mail in one language. */
export interface ChosenTexts {
  locale: string
  texts: Readonly<Record<string, string>>
}

/**
 * The first of the wanted languages in which the mail has every text, or English. A whole mail is in one
 * language. For `de-AT`, `de` follows.
 */
export function chooseTexts(
  template: Pick<MailTemplate, 'name' | 'texts'>,
  changes: TextChanges,
  wanted: readonly (string | null | undefined)[],
): ChosenTexts {
  for (const locale of wanted.flatMap(withParents)) {
    const texts = textsIn(template, changes, locale)
    if (isComplete(template, texts)) return { locale, texts }
  }
  return { locale: 'en', texts: textsIn(template, changes, 'en') }
}

/** The languages of a mail. */
export function localesOf(
  template: Pick<MailTemplate, 'name' | 'texts'>,
  changes: TextChanges,
): string[] {
  const named = Object.keys({ ...template.texts, ...changes[template.name] })
  return named.filter((it) => isComplete(template, textsIn(template, changes, it)))
}

/** The texts that a language of the app lacks, as `fr: subject, what`. Such a language is not used. */
export function missingTexts(
  template: Pick<MailTemplate, 'name' | 'texts'>,
  changes: TextChanges,
): string[] {
  const keys = Object.keys(template.texts['en'] ?? {})
  return Object.keys(own(changes, template.name) ?? {}).flatMap((locale) => {
    const texts = textsIn(template, changes, locale)
    const missing = keys.filter((key) => !Object.hasOwn(texts, key))
    return missing.length === 0 ? [] : [`${locale}: ${missing.join(', ')}`]
  })
}

function textsIn(
  { name, texts }: Pick<MailTemplate, 'name' | 'texts'>,
  changes: TextChanges,
  locale: string,
): Readonly<Record<string, string>> {
  return { ...own(texts, locale), ...own(own(changes, name) ?? {}, locale) }
}

// A tag comes from a person: "constructor" is one.
function own<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined
}

function isComplete(
  template: Pick<MailTemplate, 'texts'>,
  texts: Readonly<Record<string, string>>,
): boolean {
  return Object.keys(template.texts['en'] ?? {}).every((key) => Object.hasOwn(texts, key))
}

function withParents(locale: string | null | undefined): string[] {
  if (!locale) return []
  const parts = locale.split('-')
  return parts.map((_, at) => parts.slice(0, parts.length - at).join('-'))
}
