import { z } from 'zod'

/** The canonical form of a language tag (BCP 47), such as `de-AT`; undefined for other text. */
export function canonicalLocale(tag: string): string | undefined {
  if (!LOCALE.test(tag)) return undefined
  try {
    return Intl.getCanonicalLocales(tag)[0]
  } catch {
    return undefined
  }
}

// The database accepts this form and length, too.
const LOCALE = /^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$/
const MAX_LENGTH = 35

/** A language tag in an input, which becomes canonical. */
export const languageTag = z
  .string()
  .max(MAX_LENGTH)
  .regex(LOCALE, 'must be a language tag such as "de" or "de-AT"')
  .refine((it) => canonicalLocale(it) !== undefined, 'must be a language tag of BCP 47')
  .overwrite((it) => canonicalLocale(it) ?? it)
