import type { Locales } from '../texts.ts'

/** The texts that the sign-in pages need: they load no others. */
export const authLocales: Locales = {
  en: async () => ({ default: { auth: (await import('./en.auth.json')).default } }),
  de: async () => ({ default: { auth: (await import('./de.auth.json')).default } }),
}
