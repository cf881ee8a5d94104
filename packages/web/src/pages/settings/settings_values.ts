import type { TenantSettings } from '../../api/schema.ts'
import { isHex } from '../../brand/accent.ts'

/** The values of the form: an empty text is a setting that is not set. */
export interface SettingsValues {
  name: string
  color: string
  locale: string
  notice: string
}

/** The settings as the form has them. */
export function valuesOf({ name, color, locale, notice }: TenantSettings): SettingsValues {
  return { name, color: color ?? '', locale: locale ?? '', notice: notice ?? '' }
}

/** The values as they are stored. */
export function changesOf({ name, color, locale, notice }: SettingsValues) {
  return {
    name: name.trim(),
    color: color.trim() || null,
    locale: locale || null,
    notice: notice.trim() || null,
  }
}

/** Can this be stored as a colour, or as none? */
export function isColor(text: string): boolean {
  return text.trim() === '' || isHex(text.trim())
}
