import { knownText } from '../../i18n/known_text.ts'

/** The words for an action of the audit log; an app adds its own as `app.acts.projects_create`. */
export function actText(action: string): string {
  return knownText(`acts.${action.replaceAll('.', '_')}`) ?? action
}
