import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { chooseTheme, chosenTheme, type Theme } from '../i18n/choice.ts'
import { availableLocales, chooseLocale, localeName } from '../i18n/i18n.ts'
import { Select } from '../ui/form/field.tsx'

const themes: readonly Theme[] = ['auto', 'light', 'dark']

/** Appearance and language: both are kept in this browser. */
export function Preferences() {
  const { t, i18n } = useTranslation('auth')
  const [theme, setTheme] = useState(chosenTheme)
  return (
    <div className="grid gap-4 sm:grid-cols-2">
      <Select
        label={t('preferences.theme')}
        value={theme}
        onChange={(value) => {
          const chosen = themes.find((it) => it === value) ?? 'auto'
          chooseTheme(chosen)
          setTheme(chosen)
        }}
      >
        {themes.map((it) => (
          <option key={it} value={it}>
            {t(`preferences.${it}`)}
          </option>
        ))}
      </Select>
      <Select
        label={t('preferences.language')}
        value={i18n.language}
        onChange={(tag) => void chooseLocale(tag)}
      >
        {availableLocales().map((it) => (
          <option key={it} value={it} lang={it}>
            {localeName(it)}
          </option>
        ))}
      </Select>
    </div>
  )
}
