import { createRoot } from 'react-dom/client'
import { showLastColor } from '../brand/tenant_brand.ts'
import { followSystemTheme } from '../i18n/choice.ts'
import { startI18n } from '../i18n/i18n.ts'
import { authLocales } from '../i18n/locales/auth.ts'
import type { Locales } from '../i18n/texts.ts'
import { type Brand, defaultBrand, showIcon } from '../shell/brand.tsx'
import { AuthPages } from './auth_pages.tsx'
import { takeSecret } from './mailed_secret.ts'

/** What an app changes in the sign-in pages. */
export interface AuthOptions {
  brand?: Brand
  locales?: Locales
}

/** Starts the sign-in pages in the element `#root`. */
export async function startAuth({
  brand = defaultBrand(),
  locales = {},
}: AuthOptions = {}): Promise<void> {
  const secret = takeSecret()
  followSystemTheme()
  showLastColor()
  showIcon(brand)
  await startI18n([authLocales, locales])
  const root = document.getElementById('root')
  if (root === null) throw new Error('the page has no element #root')
  createRoot(root).render(<AuthPages brand={brand} {...secret} />)
}
