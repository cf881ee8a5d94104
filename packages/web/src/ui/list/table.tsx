import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { Button } from '../button.tsx'
import { classNames } from '../class_names.ts'
import { Link } from '../link.tsx'

/** A column of a table. */
export interface Column<T> {
  key: string
  /** Left out for a column of actions. */
  title?: ReactNode
  cell: (row: T) => ReactNode
  /** Left out where the table is narrow: the page of the row shows it too. */
  wide?: boolean
  /** For numbers and actions. */
  end?: boolean
  className?: string
}

interface TableProps<T> {
  /** What the table lists, for screen readers. */
  label: string
  columns: readonly Column<T>[]
  rows: readonly T[]
  rowKey: (row: T) => string
  /** Where a click on the row leads; the first column holds the link. */
  href?: (row: T) => string
  /** What a click on the row opens; the first column holds the button. */
  onOpen?: (row: T) => void
}

/** A list as a table. */
export function Table<T>({ label, columns, rows, rowKey, href, onOpen }: TableProps<T>) {
  const { t } = useTranslation('console')
  const isOpen = href !== undefined || onOpen !== undefined
  return (
    <div className="@container">
      <table className="w-full table-auto border-collapse text-left">
        <caption className="sr-only">{label}</caption>
        <thead>
          <tr className="border-b border-line bg-canvas text-xs text-muted">
            {columns.map((it) => (
              <th
                key={it.key}
                scope="col"
                className={classNames(cellClass(it), 'h-9 text-xs font-medium')}
              >
                {it.title || <span className="sr-only">{t('list.actions')}</span>}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr
              key={rowKey(row)}
              className={classNames(
                'relative border-b border-line last:border-0',
                isOpen && 'transition-colors hover:bg-hover',
              )}
            >
              {columns.map((it, at) => (
                <td key={it.key} className={classNames('h-14 py-2', cellClass(it))}>
                  {at === 0 ? opening(row, it.cell(row), href, onOpen) : it.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function cellClass<T>({ wide = false, end = false, className }: Column<T>): string {
  return classNames(
    'px-3 align-middle first:pl-5 last:pr-5 sm:first:pl-6 sm:last:pr-6',
    // By the table's own width: beside the navigation it is narrow on a tablet too.
    wide && '@max-2xl:hidden',
    end && 'text-right',
    className,
  )
}

// The link covers the row, and the row's other controls are above it.
const cover =
  'block w-full min-w-0 text-left outline-none after:absolute after:inset-0 focus-visible:after:rounded-lg focus-visible:after:outline-2 focus-visible:after:-outline-offset-2 focus-visible:after:outline-accent-text'

function opening<T>(
  row: T,
  content: ReactNode,
  href: TableProps<T>['href'],
  onOpen: TableProps<T>['onOpen'],
): ReactNode {
  if (href !== undefined) {
    return (
      <Link to={href(row)} className={cover}>
        {content}
      </Link>
    )
  }
  if (onOpen === undefined) return content
  return (
    <button type="button" onClick={() => onOpen(row)} className={cover}>
      {content}
    </button>
  )
}

interface MoreProps {
  /** How many are shown. */
  count: number
  hasMore: boolean
  busy: boolean
  more: () => void
}

/** How much of a list is shown, and the way to more of it. */
export function More({ count, hasMore, busy, more }: MoreProps) {
  const { t } = useTranslation('console')
  return (
    <div className="flex items-center justify-between gap-4 border-t border-line bg-canvas px-5 py-2.5 text-sm text-muted sm:px-6">
      <span role="status">{t('list.shown', { count })}</span>
      {hasMore && (
        <Button busy={busy} onClick={more}>
          {t('action.more')}
        </Button>
      )}
    </div>
  )
}
