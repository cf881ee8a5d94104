import type { Locales } from '../texts.ts'

/** The texts of the account and the console. */
export const consoleLocales: Locales = {
  en: async () => ({ default: { console: (await import('./en.console.json')).default } }),
  de: async () => ({ default: { console: (await import('./de.console.json')).default } }),
}
