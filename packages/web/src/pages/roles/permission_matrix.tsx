import { useTranslation } from 'react-i18next'
import { useSession } from '../../session/session.tsx'
import { Icon } from '../../ui/icons.tsx'
import { expand, matrixOf, withPermission } from './permissions.ts'

interface MatrixProps {
  catalogue: readonly string[]
  grants: readonly string[]
  /** Without it the matrix can only be read. */
  onChange?: ((grants: string[]) => void) | undefined
}

/** What a role permits: a row for each resource, a column for each action. */
export function PermissionMatrix({ catalogue, grants, onChange }: MatrixProps) {
  const { t } = useTranslation('console')
  const { resources, actions } = matrixOf(catalogue)
  const granted = new Set(expand(grants, catalogue))
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a keyboard can scroll only what has the focus.
    <fieldset aria-label={t('roles.permissions')} tabIndex={0} className="min-w-0 overflow-x-auto">
      <table className="w-full text-sm">
        <thead>
          <tr className="border-b border-line text-xs text-muted">
            <th
              scope="col"
              className="sticky left-0 h-9 bg-surface pl-4 pr-2 text-left font-medium sm:pl-6 sm:pr-3"
            >
              {t('roles.resource')}
            </th>
            {actions.map((it) => (
              <th
                key={it}
                scope="col"
                className="px-1 text-center font-medium last:pr-4 sm:px-2 sm:last:pr-6"
              >
                {it}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {resources.map((resource) => (
            <tr key={resource} className="group border-b border-line last:border-0 hover:bg-hover">
              <th
                scope="row"
                className="sticky left-0 h-10 bg-surface pl-4 pr-2 text-left font-medium group-hover:bg-hover sm:pl-6 sm:pr-3"
              >
                {resource}
              </th>
              {actions.map((action) => {
                const permission = `${resource}:${action}`
                if (!catalogue.includes(permission)) return <td key={action} />
                return (
                  <td key={action} className="px-1 text-center last:pr-4 sm:px-2 sm:last:pr-6">
                    <Cell
                      permission={permission}
                      isGranted={granted.has(permission)}
                      onChange={
                        onChange &&
                        ((on) => onChange(withPermission(grants, permission, on, catalogue)))
                      }
                    />
                  </td>
                )
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </fieldset>
  )
}

interface CellProps {
  permission: string
  isGranted: boolean
  onChange?: ((granted: boolean) => void) | undefined
}

function Cell({ permission, isGranted, onChange }: CellProps) {
  const { t } = useTranslation('console')
  const { can } = useSession()
  if (onChange === undefined) {
    return (
      <span
        role="img"
        aria-label={t(isGranted ? 'roles.granted' : 'roles.notGranted', { permission })}
      >
        {isGranted ? (
          <Icon name="check" className="mx-auto size-4 text-accent-text" />
        ) : (
          <span className="mx-auto block h-px w-2.5 bg-line-strong" />
        )}
      </span>
    )
  }
  // The API rejects a grant of what the actor lacks; taking it away is possible.
  const isLocked = !isGranted && !can(permission)
  return (
    <input
      type="checkbox"
      aria-label={permission}
      title={isLocked ? t('roles.lacking') : permission}
      checked={isGranted}
      disabled={isLocked}
      onChange={(event) => onChange(event.target.checked)}
      className="mx-auto block size-4 accent-accent"
    />
  )
}
