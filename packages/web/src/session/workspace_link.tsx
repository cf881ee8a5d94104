import type { AnchorHTMLAttributes } from 'react'
import type { components } from 'tenantry-client'
import { Unanswered } from '../api/problem.ts'
import { toastProblem } from '../ui/toast.tsx'
import { keepChosen } from './chosen_workspace.ts'

/** A workspace of the signed-in person. */
export type Workspace = components['schemas']['OwnTenants']['items'][number]

interface WorkspaceLinkProps extends AnchorHTMLAttributes<HTMLAnchorElement> {
  to: Workspace
  /** The subdomain of the workspace that the person is in. */
  here: string
}

/** Leads to another workspace, without a password: its page begins the hand-over, and comes back here once. */
export function WorkspaceLink({ to, here, ...rest }: WorkspaceLinkProps) {
  return (
    <a
      {...rest}
      href={`${to.home}/auth/switch?${new URLSearchParams({ from: here })}`}
      onClick={(event) => {
        if (navigator.onLine) return keepChosen(new URL(to.home).host)
        // The browser would replace the page by an error.
        event.preventDefault()
        toastProblem(new Unanswered())
      }}
    />
  )
}
