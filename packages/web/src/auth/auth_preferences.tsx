import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { chooseTheme, chosenTheme, type Theme } from '../i18n/choice.ts'
import { availableLocales, chooseLocale, localeName } from '../i18n/i18n.ts'

const themes: readonly Theme[] = ['auto', 'light', 'dark']
const select =
  'h-8 rounded-lg bg-transparent px-2 text-sm text-muted hover:bg-hover hover:text-text [&>option]:bg-surface [&>option]:text-text'

/** Language and appearance, below the form. */
export function AuthPreferences() {
  const { t, i18n } = useTranslation('auth')
  const [theme, setTheme] = useState(chosenTheme)
  return (
    <footer className="flex flex-wrap justify-center gap-2 px-4 pb-6">
      <select
        aria-label={t('preferences.language')}
        value={i18n.language}
        onChange={(event) => void chooseLocale(event.target.value)}
        className={select}
      >
        {availableLocales().map((it) => (
          <option key={it} value={it} lang={it}>
            {localeName(it)}
          </option>
        ))}
      </select>
      <select
        aria-label={t('preferences.theme')}
        value={theme}
        onChange={(event) => {
          const chosen = themes.find((it) => it === event.target.value) ?? 'auto'
          chooseTheme(chosen)
          setTheme(chosen)
        }}
        className={select}
      >
        {themes.map((it) => (
          <option key={it} value={it}>
            {t(`preferences.${it}`)}
          </option>
        ))}
      </select>
    </footer>
  )
}
