/** The canonical form of a language tag (BCP 47), such as `de-AT`; undefined for other text. */
export function canonicalLocale(tag: string): string | undefined {
  if (!LOCALE.test(tag)) return undefined
  try {
    return Intl.getCanonicalLocales(tag)[0]
  } catch {
    return undefined
  }
}

/** The form that the database accepts too. Its length is limited separately. */
export const LOCALE = /^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$/
export const MAX_LOCALE_LENGTH = 35
