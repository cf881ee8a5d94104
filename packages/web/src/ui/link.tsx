import { Link as RouterLink } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { urlOf } from '../page.ts'

interface LinkProps {
  /** The path of a page: `/members`. */
  to: string
  className?: string
  activeClassName?: string
  exact?: boolean
  onClick?: () => void
  children: ReactNode
}

/** A link to a page of the console or the account. */
export function Link({
  to,
  className,
  activeClassName,
  exact = false,
  onClick,
  children,
}: LinkProps) {
  return (
    <RouterLink
      to={urlOf(to)}
      {...(className === undefined ? {} : { className })}
      {...(activeClassName === undefined ? {} : { activeProps: { className: activeClassName } })}
      {...(onClick === undefined ? {} : { onClick })}
      activeOptions={{ exact, includeSearch: false }}
    >
      {children}
    </RouterLink>
  )
}
