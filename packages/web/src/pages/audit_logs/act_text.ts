import i18next from 'i18next'
import { knownText, nounText, spaced } from '../../i18n/known_text.ts'

/**
 * The words for an action of the audit log. An app's own are `app.acts.projects.create`; where there are none, they are
 * made of the action, such as “Projects: created”.
 */
export function actText(action: string): string {
  return knownText(`acts.${action}`) ?? madeText(action)
}

// An action is <noun>.<what happened>. The title of the noun's page names it in the language of the pages.
function madeText(action: string): string {
  const [noun = '', ...what] = action.split('.')
  const verb = what.join('.')
  return `${nounText(noun)}: ${knownText(`actVerbs.${verb}`) ?? spaced(verb)}`
}

/**
 * The actions that can be chosen: those that have words, and what the permissions let people do to an app's resources.
 * The log may hold others, because an app names its actions as it likes.
 */
export function knownActions(permissions: readonly string[]): string[] {
  const kernel = textGroups('console')
  const worded = [...kernel, ...textGroups('app')].flatMap(([noun, texts]) =>
    Object.keys(texts).map((what) => `${noun}.${what}`),
  )
  const kernelNouns = new Set(['audit_logs', ...kernel.map(([noun]) => noun)])
  const permitted = permissions
    .map((it) => it.split(':'))
    .filter(([noun = '', what]) => !kernelNouns.has(noun) && what !== 'read')
    .map((it) => it.join('.'))
  return [...new Set([...worded, ...permitted])]
}

function textGroups(namespace: 'app' | 'console'): [string, object][] {
  return i18next.languages.flatMap((it) =>
    Object.entries<object>(i18next.getResourceBundle(it, namespace)?.acts ?? {}),
  )
}
