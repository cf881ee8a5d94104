import { type ReactNode, useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { Page } from '../page.ts'
import { IconButton } from '../ui/button.tsx'
import { Toasts } from '../ui/toast.tsx'
import type { Brand } from './brand.tsx'
import { Drawer } from './drawer.tsx'
import { Navigation } from './navigation.tsx'
import { OfflineBanner } from './offline_banner.tsx'
import { PersonMenu } from './person_menu.tsx'
import { TenantName } from './tenant_name.tsx'
import { WorkspaceSwitcher } from './workspace_switcher.tsx'

interface ShellProps {
  brand: Brand
  pages: readonly Page[]
  children: ReactNode
}

/** The frame of the console: navigation at the side, or behind a button where the screen is narrow. */
export function Shell({ brand, pages, children }: ShellProps) {
  const { t } = useTranslation('console')
  const [isOpen, open] = useState(false)
  return (
    <div className="md:grid md:grid-cols-[15rem_minmax(0,1fr)]">
      <a
        href="#content"
        className="fixed left-4 top-3 z-50 -translate-y-20 rounded-lg bg-accent px-3 py-1.5 text-sm font-medium text-on-accent focus:translate-y-0"
      >
        {t('nav.skip')}
      </a>
      <aside className="sticky top-0 hidden h-dvh flex-col border-r border-line md:flex">
        <Side brand={brand} pages={pages} />
      </aside>
      <header className="sticky top-0 z-30 flex h-14 items-center gap-2 border-b border-line bg-canvas/90 px-3 backdrop-blur md:hidden">
        <IconButton
          icon="menu"
          label={t('nav.open')}
          aria-expanded={isOpen}
          onClick={() => open(true)}
        />
        <TenantName brand={brand} />
      </header>
      {isOpen && (
        <Drawer label={t('nav.label')} onClose={() => open(false)}>
          <Side brand={brand} pages={pages} onNavigate={() => open(false)} />
        </Drawer>
      )}
      <main id="content" tabIndex={-1} className="min-w-0">
        <OfflineBanner />
        <div className="mx-auto max-w-5xl px-4 pb-24 pt-6 sm:px-8 md:pt-10">{children}</div>
      </main>
      <Toasts />
    </div>
  )
}

function Side(props: { brand: Brand; pages: readonly Page[]; onNavigate?: () => void }) {
  const { brand, pages, onNavigate } = props
  return (
    <>
      <div className="flex h-16 items-center px-2.5 *:flex-1">
        <WorkspaceSwitcher brand={brand} />
      </div>
      <Navigation pages={pages} {...(onNavigate && { onNavigate })} />
      <div className="border-t border-line p-2.5">
        <PersonMenu {...(onNavigate && { onNavigate })} />
      </div>
    </>
  )
}
