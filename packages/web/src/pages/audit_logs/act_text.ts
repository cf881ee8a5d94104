import { knownText, nounText, spaced } from '../../i18n/known_text.ts'

/**
 * The words for an action of the audit log. An app's own are `app.acts.projects_create`; where there are none, they are
 * made of the action, such as “Projects: created”.
 */
export function actText(action: string): string {
  return knownText(`acts.${action.replaceAll('.', '_')}`) ?? madeText(action)
}

// An action is <noun>.<what happened>. The title of the noun's page names it in the language of the pages.
function madeText(action: string): string {
  const [noun = '', ...what] = action.split('.')
  const verb = what.join('.')
  return `${nounText(noun)}: ${knownText(`actVerbs.${verb}`) ?? spaced(verb)}`
}
