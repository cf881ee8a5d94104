import type { ReactNode } from 'react'
import { type Access, mayOpen } from '../../page.ts'
import { useSession } from '../../session/session.tsx'
import { Link } from '../link.tsx'

interface RowLinkProps {
  /** The path of the page: `/projects/${it.id}/tasks`. */
  to: string
  access: Access
  children: ReactNode
}

/** A link from a row of a table to a page below it. An actor who may not open that page does not see it. */
export function RowLink({ to, access, children }: RowLinkProps) {
  if (!mayOpen({ access }, useSession().permissionSet)) return null
  return (
    <Link
      to={to}
      className="relative whitespace-nowrap rounded-md py-1.5 text-sm font-medium text-accent-text hover:underline"
    >
      {children}
    </Link>
  )
}
