import type { Role } from '../../api/schema.ts'
import { knownText } from '../../i18n/known_text.ts'

/** What a role is for, in the language of the page. The texts of system roles are the app's: `app.roleDescriptions`. */
export function descriptionOf({ is_system, name, description }: Role): string {
  return (is_system ? knownText(`roleDescriptions.${name}`) : undefined) ?? description
}
