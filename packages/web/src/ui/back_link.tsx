import type { ReactNode } from 'react'
import { Icon } from './icons.tsx'
import { Link } from './link.tsx'

/** The way back to a list, above a page's title. */
export function BackLink({ to, children }: { to: string; children: ReactNode }) {
  return (
    <Link
      to={to}
      exact
      className="-ml-1 inline-flex w-fit items-center gap-1.5 rounded-md px-1 py-0.5 text-sm text-muted hover:text-text"
    >
      <Icon name="back" className="size-3.5" />
      {children}
    </Link>
  )
}
