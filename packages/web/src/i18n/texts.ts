import type authTexts from './locales/en.auth.json'
import type consoleTexts from './locales/en.console.json'

/** The texts of an app's own pages. The app adds its own: `declare module 'tenantry-web'`. */
// biome-ignore lint/suspicious/noEmptyInterface: an app merges its texts into it.
export interface AppTexts {}

declare module 'i18next' {
  interface CustomTypeOptions {
    defaultNS: 'console'
    resources: { auth: typeof authTexts; console: typeof consoleTexts; app: AppTexts }
  }
}

/** The texts of a locale, by namespace. An app's replace Tenantry's of the same name. */
export interface Texts {
  app?: object
  auth?: object
  console?: object
}

/** Loads the texts of a locale, as one lazy file: `() => import('./locales/de.json')`. */
export type TextLoader = () => Promise<{ default: Texts }>

/** The locales of the pages by language tag. Those of the kernel are `en` and `de`. */
export type Locales = Record<string, TextLoader>
