import { QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { createRoot } from 'react-dom/client'
import { createQueryClient } from './api/query_client.ts'
import { showLastColor } from './brand/tenant_brand.ts'
import { followSystemTheme } from './i18n/choice.ts'
import { startI18n } from './i18n/i18n.ts'
import { authLocales } from './i18n/locales/auth.ts'
import { consoleLocales } from './i18n/locales/console.ts'
import type { Locales } from './i18n/texts.ts'
import { mergePages, type Page } from './page.ts'
import { kernelPages } from './pages/pages.ts'
import { SessionProvider } from './session/session.tsx'
import { SignInDialog } from './session/sign_in_dialog.tsx'
import { type Brand, defaultBrand, showIcon } from './shell/brand.tsx'
import { routerOf } from './shell/router.tsx'
import { Booting } from './ui/booting.tsx'
import { ProductName } from './ui/product_name.ts'

/** What an app adds to the console, or changes in it. */
export interface ConsoleOptions {
  /** The app's pages. One with the path of a page of Tenantry's replaces it. */
  pages?: readonly Page[]
  brand?: Brand
  /** Texts of the app's pages, more languages, and other words for Tenantry's own texts. */
  locales?: Locales
  /** The paths in the navigation, in their order. Default: all pages that have an entry. */
  nav?: readonly string[]
}

/** Starts the account and the console in the element `#root`. */
export async function startConsole(options: ConsoleOptions = {}): Promise<void> {
  const { brand = defaultBrand(), locales = {} } = options
  followSystemTheme()
  showLastColor()
  showIcon(brand)
  const pages = mergePages(kernelPages, options.pages ?? [])
  const router = routerOf(pages, inNavigation(pages, options.nav), brand)
  await startI18n([authLocales, consoleLocales, locales])
  createRoot(rootElement()).render(
    <QueryClientProvider client={createQueryClient()}>
      <SignInDialog />
      <ProductName value={brand.name}>
        <SessionProvider loading={<Booting />}>
          <RouterProvider router={router} />
        </SessionProvider>
      </ProductName>
    </QueryClientProvider>,
  )
}

/** Tenantry's overview first, then the app's pages, then Tenantry's: or as `nav` says. */
function inNavigation(pages: readonly Page[], nav: readonly string[] | undefined): Page[] {
  if (nav === undefined) return pages.filter((it) => it.nav !== undefined)
  return nav.map((path) => {
    const found = pages.find((it) => it.path === path)
    if (found === undefined) throw new Error(`startConsole: nav has "${path}", which is no page`)
    return found
  })
}

function rootElement(): HTMLElement {
  const root = document.getElementById('root')
  if (root === null) throw new Error('the page has no element #root')
  return root
}
