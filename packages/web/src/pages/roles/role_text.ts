import type { Role } from '../../api/schema.ts'
import { capital, knownText, nounText, spaced } from '../../i18n/known_text.ts'

/** What a role is called. The words for system roles are the app's: `app.roleNames`. A tenant's own have their name. */
export function roleName(name: string): string {
  return knownText(`roleNames.${name}`) ?? name
}

/** What a role is for, in the language of the page. The texts of system roles are the app's: `app.roleDescriptions`. */
export function descriptionOf({ is_system, name, description }: Role): string {
  return (is_system ? knownText(`roleDescriptions.${name}`) : undefined) ?? description
}

/** What permissions are about, such as “Projects”. An app's words are `app.resources`, or the title of its page. */
export function resourceText(resource: string): string {
  return knownText(`resources.${resource}`) ?? nounText(resource)
}

/** What a permission lets one do, such as “Delete”. An app's words are `app.permissionActions`. */
export function permissionActionText(action: string): string {
  return knownText(`permissionActions.${action}`) ?? capital(spaced(action))
}

/** A permission in words, such as “Projects: Delete”. */
export function permissionText(permission: string): string {
  const [resource = '', action = ''] = permission.split(':')
  return `${resourceText(resource)}: ${permissionActionText(action)}`
}
