const LOCALE_KEY = 'tenantry.locale'
const THEME_KEY = 'tenantry.theme'

/** `auto` follows the system. */
export type Theme = 'light' | 'dark' | 'auto'

/** The theme that the person chose in this browser. */
export function chosenTheme(): Theme {
  const theme = read(THEME_KEY)
  return theme === 'light' || theme === 'dark' ? theme : 'auto'
}

/** Keeps and shows a theme. */
export function chooseTheme(theme: Theme): void {
  write(THEME_KEY, theme)
  showTheme()
}

/** Shows the chosen theme, also after the system has changed its own. */
function showTheme(): void {
  const theme = chosenTheme()
  const dark = theme === 'auto' ? darkSystem().matches : theme === 'dark'
  document.documentElement.classList.toggle('dark', dark)
}

/** Follows the system from now on, as far as the person has chosen `auto`. */
export function followSystemTheme(): void {
  darkSystem().addEventListener('change', showTheme)
}

function darkSystem(): MediaQueryList {
  return matchMedia('(prefers-color-scheme: dark)')
}

/** The languages that the person wants, best first: the one chosen here, then those of the browser. */
export function wantedLocales(): string[] {
  const chosen = read(LOCALE_KEY)
  return [...(chosen === undefined ? [] : [chosen]), ...navigator.languages]
}

/** Keeps a language in this browser. */
export function keepLocale(locale: string): void {
  write(LOCALE_KEY, locale)
}

/** The first available locale that serves one of the wanted tags: `de` serves `de-AT`. */
export function bestLocale(wanted: readonly string[], available: readonly string[]): string {
  for (const tag of wanted) {
    const found = servedBy(tag, available)
    if (found !== undefined) return found
  }
  return available.includes('en') ? 'en' : (available[0] ?? 'en')
}

/** Does one of the available locales serve this tag? */
export function hasLocale(tag: string, available: readonly string[]): boolean {
  return servedBy(tag, available) !== undefined
}

function servedBy(tag: string, available: readonly string[]): string | undefined {
  const exact = available.find((it) => it.toLowerCase() === tag.toLowerCase())
  const language = tag.toLowerCase().split('-', 1)[0]
  return exact ?? available.find((it) => it.toLowerCase() === language)
}

/** A locale with the region that the wanted tags name for its language: `en-GB` for `en`. For dates and numbers. */
export function withRegion(locale: string, wanted: readonly string[]): string {
  const own = new Intl.Locale(locale)
  if (own.region !== undefined) return locale
  const found = wanted.flatMap(parsed).find((it) => it.language === own.language && it.region)
  return found?.region === undefined ? locale : `${new Intl.Locale(own, { region: found.region })}`
}

// A system may name a locale that is no language tag, such as en-US@posix.
function parsed(tag: string): Intl.Locale[] {
  try {
    return [new Intl.Locale(tag)]
  } catch {
    return []
  }
}

// A browser may block storage: the choice then lasts as long as the page.
function read(key: string): string | undefined {
  try {
    return localStorage.getItem(key) ?? undefined
  } catch {
    return undefined
  }
}

function write(key: string, value: string): void {
  try {
    localStorage.setItem(key, value)
  } catch {
    // As above.
  }
}
