import type { MailWords } from '../app/mails/mail_template.ts'
import type { ChosenTexts } from './choose_texts.ts'

const HOUR = 60
const DAY = 24 * HOUR

/** The words of one mail, with its values filled in. Throws an Error for a text or value that is missing. */
export function mailWords(
  { locale, texts }: ChosenTexts,
  values: Readonly<Record<string, unknown>>,
): MailWords {
  const words = (key: string, more?: Readonly<Record<string, string | number>>) => {
    const text = texts[key]
    if (text === undefined) throw new Error(`the mail has no text "${key}"`)
    return filled(text, { ...values, ...more })
  }
  return Object.assign(words, {
    duration: (minutes: number) => durationIn(locale, minutes),
    dateTime: (at: Date) =>
      at.toLocaleString(locale, { dateStyle: 'long', timeStyle: 'long', timeZone: 'UTC' }),
  })
}

// In one pass: a value that looks like a placeholder stays as it is.
function filled(text: string, values: Readonly<Record<string, unknown>>): string {
  return text.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const value = Object.hasOwn(values, name) ? values[name] : undefined
    if (typeof value === 'string') return asWords(value)
    if (typeof value === 'number') return String(value)
    throw new Error(`the text "${text}" needs the value "${name}"`)
  })
}

// A person chose it: it must not end the line or the quotation in which it stands.
function asWords(value: string): string {
  return value.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ').replaceAll(/["“”„‟«»]/g, "'")
}

// A formatter costs more to make than the rest of a mail. Mails have few languages, all of them in code.
const durationFormats = new Map<string, Intl.NumberFormat>()

function durationIn(locale: string, minutes: number): string {
  const [value, unit] = inLargestUnit(minutes)
  const name = `${locale} ${unit}`
  let format = durationFormats.get(name)
  if (format === undefined) {
    format = new Intl.NumberFormat(locale, { style: 'unit', unit, unitDisplay: 'long' })
    durationFormats.set(name, format)
  }
  return format.format(value)
}

function inLargestUnit(minutes: number): [number, 'day' | 'hour' | 'minute'] {
  if (minutes >= 2 * DAY && minutes % DAY === 0) return [minutes / DAY, 'day']
  if (minutes >= HOUR && minutes % HOUR === 0) return [minutes / HOUR, 'hour']
  return [minutes, 'minute']
}
