import i18next from 'i18next'

/** The text of a key that is made from what the server sent, if there is one. An app's go first. */
export function knownText(key: string): string | undefined {
  const found = ['app', 'console', 'auth']
    .map((it) => `${it}:${key}`)
    .find((it) => i18next.exists(it))
  return found === undefined ? undefined : i18next.t(found as 'auth:error.title')
}
