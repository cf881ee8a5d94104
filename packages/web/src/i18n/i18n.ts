import i18next, { type i18n } from 'i18next'
import { initReactI18next } from 'react-i18next'
import { bestLocale, hasLocale, keepLocale, wantedLocales } from './choice.ts'
import type { Locales } from './texts.ts'

let sources: Locales[] = []

/** Starts i18next with the first available locale that the person or the installation wants. */
export async function startI18n(locales: Locales[], fallback?: string): Promise<i18n> {
  sources = locales
  const wanted = [...wantedLocales(), ...(fallback === undefined ? [] : [fallback])]
  await i18next.use(initReactI18next).init({
    fallbackLng: 'en',
    partialBundledLanguages: true,
    resources: {},
    defaultNS: 'console',
    fallbackNS: ['auth'],
    interpolation: { escapeValue: false },
    react: { useSuspense: false },
  })
  await showLocale(bestLocale(wanted, availableLocales()))
  return i18next
}

/** The tags of the locales that the pages have. */
export function availableLocales(): string[] {
  return [...new Set(sources.flatMap((it) => Object.keys(it)))]
}

/** The name of a locale in its own language. */
export function localeName(tag: string): string {
  return new Intl.DisplayNames([tag], { type: 'language' }).of(tag) ?? tag
}

/** Shows the pages in a locale, and keeps it for the next visit. */
export async function chooseLocale(tag: string): Promise<void> {
  keepLocale(tag)
  await showLocale(tag)
}

/** Shows the pages in the best available locale for this tag. */
export async function showBestLocale(tag: string): Promise<void> {
  await chooseLocale(bestLocale([tag], availableLocales()))
}

/** Shows the pages in a locale, where the person wants none that they have. It is not kept. */
export async function suggestLocale(tag: string): Promise<void> {
  const available = availableLocales()
  const isServed = wantedLocales().some((it) => hasLocale(it, available))
  if (!isServed && hasLocale(tag, available)) await showLocale(bestLocale([tag], available))
}

async function showLocale(tag: string): Promise<void> {
  if (!i18next.hasResourceBundle(tag, 'auth')) await load(tag)
  // An app's locale may lack texts of Tenantry.
  if (!(tag in (sources[0] ?? {})) && !i18next.hasResourceBundle('en', 'auth')) await load('en')
  await i18next.changeLanguage(tag)
  document.documentElement.lang = tag
  document.documentElement.dir = i18next.dir(tag)
}

// The texts of later sources, which are the app's, replace those of earlier ones.
async function load(tag: string): Promise<void> {
  const loaded = await Promise.all(sources.map((it) => it[tag]?.()))
  for (const texts of loaded) {
    for (const [namespace, bundle] of Object.entries<object | undefined>({ ...texts?.default })) {
      i18next.addResourceBundle(tag, namespace, bundle, true, true)
    }
  }
}
