import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { Link } from './link.tsx'

interface Crumb {
  label: ReactNode
  /** The path of its page, if it has one. */
  to?: string
}

/** The pages above this one, from the first to the nearest, above the title of a page. */
export function Breadcrumbs({ items }: { items: readonly Crumb[] }) {
  const { t } = useTranslation('console')
  return (
    <nav aria-label={t('nav.breadcrumbs')} className="min-w-0 text-sm text-muted">
      <ol className="flex min-w-0 flex-wrap items-center gap-x-1.5 gap-y-1">
        {items.map(({ label, to }, at) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: the pages above a page keep their order.
          <li key={at} className="flex min-w-0 items-center gap-1.5">
            {at > 0 && (
              <span aria-hidden="true" className="text-faint">
                /
              </span>
            )}
            {to === undefined ? (
              <span className="max-w-[32ch] truncate">{label}</span>
            ) : (
              <Link to={to} exact className="rounded-md py-0.5 hover:text-text">
                {label}
              </Link>
            )}
          </li>
        ))}
      </ol>
    </nav>
  )
}
