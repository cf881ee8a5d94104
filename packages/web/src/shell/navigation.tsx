import { useTranslation } from 'react-i18next'
import { mayOpen, type NavEntry, type Page } from '../page.ts'
import { useSession } from '../session/session.tsx'
import { Icon } from '../ui/icons.tsx'
import { Link } from '../ui/link.tsx'

interface NavigationProps {
  pages: readonly Page[]
  onNavigate?: () => void
}

/** Links to the pages that the actor may open. */
export function Navigation({ pages, onNavigate }: NavigationProps) {
  const { t } = useTranslation(['app', 'console', 'auth'])
  const { permissionSet } = useSession()
  const shown = pages.filter((it) => it.nav !== undefined && mayOpen(it, permissionSet))
  const inGroup = (group: NavEntry['group']) =>
    shown.filter((it) => (it.nav?.group ?? 'work') === group)
  const administration = inGroup('administration')
  return (
    <nav aria-label={t('console:nav.label')} className="min-h-0 flex-1 overflow-y-auto px-2.5 py-1">
      <Group pages={inGroup('work')} {...(onNavigate && { onNavigate })} />
      {administration.length > 0 && (
        <>
          <h2 className="mb-1 mt-6 px-2.5 text-xs font-medium text-faint">
            {t('console:nav.administration')}
          </h2>
          <Group pages={administration} {...(onNavigate && { onNavigate })} />
        </>
      )}
    </nav>
  )
}

function Group({ pages, onNavigate }: NavigationProps) {
  const { t } = useTranslation(['app', 'console', 'auth'])
  return (
    <ul className="grid gap-px">
      {pages.map(({ path, nav }) => (
        <li key={path}>
          <Link
            to={path}
            exact={path === '/'}
            className="flex h-8 items-center gap-2.5 rounded-lg px-2.5 text-sm font-medium text-muted transition-colors hover:bg-hover hover:text-text max-md:h-10"
            activeClassName="bg-hover text-text [&_svg]:text-accent-text"
            {...(onNavigate && { onClick: onNavigate })}
          >
            <Icon name={nav?.icon ?? 'folder'} />
            <span className="truncate">{nav?.label(t)}</span>
          </Link>
        </li>
      ))}
    </ul>
  )
}
