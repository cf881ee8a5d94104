import i18next from 'i18next'

/** The text of a key that is made from what the server sent, if there is one. An app's go first. */
export function knownText(key: string): string | undefined {
  const found = ['app', 'console', 'auth']
    .map((it) => `${it}:${key}`)
    // A group of texts is no text: `acts.projects` holds those of its actions.
    .find((it) => i18next.exists(it, { returnObjects: false }))
  return found === undefined ? undefined : i18next.t(found as 'auth:error.title')
}

/** What a noun of the API is called: the title that its page has, or its name with spaces. */
export function nounText(noun: string): string {
  const title = noun.replaceAll(/_([a-z0-9])/g, (_, it: string) => it.toUpperCase())
  return knownText(`${title}.title`) ?? capital(spaced(noun))
}

/** The words of a name such as `mark_as_paid`. */
export const spaced = (name: string) => name.replaceAll(/[_.]/g, ' ')

/** A text with a capital letter at its start. */
export const capital = (words: string) => words.charAt(0).toUpperCase() + words.slice(1)
