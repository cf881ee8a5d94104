import { canonicalLocale } from '../../lib/locale.ts'
import type { MailBlock } from './blocks.ts'

/** What a mail says, in one language. */
export interface MailContent {
  subject: string
  blocks: readonly MailBlock[]
}

/**
 * The text of `key` in the reader's language. `{name}` in a text is replaced with the value of that name,
 * `{tenant}` and `{app}` with their names. A value is one line, and its quotation marks become `'`: write
 * `“{project}”` around what a person chose, so that it cannot read as the sender's own words.
 */
export interface MailWords<Key extends string = string> {
  (key: Key, more?: Readonly<Record<string, string | number>>): string
  /** `30 minutes`, `2 hours`, `3 days`, in the reader's language. */
  duration(minutes: number): string
  /** Date and time in UTC, in the reader's language. */
  dateTime(at: Date): string
}

/** The texts of a mail by language (a tag of BCP 47), and in each by key. */
export type MailTexts<Key extends string = string> = Readonly<
  Record<string, Readonly<Record<Key, string>>>
>

export interface MailTemplateOptions<Values extends object, Key extends string> {
  /** Values for previews. Those in a mail have the same types. */
  sample: Values
  /** English is required: a reader of any other language gets it. Every language needs every key. */
  texts: { readonly en: Readonly<Record<Key, string>> } & MailTexts<NoInfer<Key>>
  content(values: NoInfer<Values>, words: MailWords<NoInfer<Key>>): MailContent
}

/** A mail as a value: what it says, in which languages. */
export interface MailTemplate<Values extends object = never> {
  /** `projects.done`: the name in previews and in `mailTexts` of defineApp. */
  readonly name: string
  readonly sample: object
  readonly texts: MailTexts
  readonly content: (values: Values, words: MailWords) => MailContent
}

/** Declares what a mail says. Throws an Error if a language lacks a text. */
export function mailTemplate<Values extends object, Key extends string>(
  name: string,
  { sample, texts, content }: MailTemplateOptions<Values, Key>,
): MailTemplate<Values> {
  const keys = Object.keys(texts.en)
  for (const [locale, own] of Object.entries<Readonly<Record<string, string>>>(texts)) {
    if (canonicalLocale(locale) !== locale) {
      throw new Error(`mail "${name}": "${locale}" is no language tag such as "de" or "pt-BR"`)
    }
    const missing = keys.filter((key) => typeof own[key] !== 'string')
    if (missing.length > 0) throw new Error(`mail "${name}": ${locale} lacks ${missing.join(', ')}`)
  }
  return Object.freeze({ name, sample, texts, content })
}
