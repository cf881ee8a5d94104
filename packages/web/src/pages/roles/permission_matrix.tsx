import { useTranslation } from 'react-i18next'
import { useSession } from '../../session/session.tsx'
import { classNames } from '../../ui/class_names.ts'
import { Icon } from '../../ui/icons.tsx'
import { expand, matrixOf, withPermission } from './permissions.ts'
import { permissionActionText, permissionText, resourceText } from './role_text.ts'

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
    <fieldset
      aria-label={t('roles.permissions')}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: a keyboard can scroll only what has the focus.
      tabIndex={0}
      className="@container min-w-0 overflow-x-auto"
    >
      <table className="w-full text-sm @max-lg:block">
        <thead className="@max-lg:hidden">
          <tr className="border-b border-line text-xs text-muted">
            <th scope="col" className={classNames(resourceClass, 'h-9')}>
              {t('roles.resource')}
            </th>
            {actions.map((it) => (
              <th key={it} scope="col" className={classNames(cellClass, 'font-medium')}>
                {permissionActionText(it)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody className="@max-lg:block">
          {resources.map((resource) => (
            <tr key={resource} className={rowClass}>
              <th scope="row" className={classNames(resourceClass, 'h-10')}>
                {resourceText(resource)}
              </th>
              {actions.map((action) => {
                const permission = `${resource}:${action}`
                if (!catalogue.includes(permission))
                  return <td key={action} className="@max-lg:hidden" />
                return (
                  <td key={action} className={cellClass}>
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

// Where there is no room for a column of each action, a row is the resource with its actions below.
const rowClass =
  'group border-b border-line last:border-0 hover:bg-hover @max-lg:flex @max-lg:flex-wrap @max-lg:gap-x-5 @max-lg:gap-y-1 @max-lg:px-5 @max-lg:py-2.5 sm:@max-lg:px-6'
const resourceClass =
  'text-left font-medium @max-lg:h-auto @max-lg:basis-full @lg:sticky @lg:left-0 @lg:bg-surface @lg:pl-6 @lg:pr-3 @lg:group-hover:bg-hover'
const cellClass = '@lg:px-2 @lg:text-center @lg:last:pr-6'

interface CellProps {
  permission: string
  isGranted: boolean
  onChange?: ((granted: boolean) => void) | undefined
}

function Cell({ permission, isGranted, onChange }: CellProps) {
  const { t } = useTranslation('console')
  const { can } = useSession()
  const name = permissionText(permission)
  const action = permissionActionText(permission.split(':')[1] ?? '')
  if (onChange === undefined) {
    return (
      <span
        role="img"
        aria-label={t(isGranted ? 'roles.granted' : 'roles.notGranted', { permission: name })}
        className={labelClass}
      >
        {isGranted ? (
          <Icon name="check" className="size-4 text-accent-text" />
        ) : (
          <span className="grid size-4 place-items-center">
            <span className="h-px w-2.5 bg-line-strong" />
          </span>
        )}
        <span className="text-muted @lg:hidden">{action}</span>
      </span>
    )
  }
  // The API rejects a grant of what the actor lacks; taking it away is possible.
  const isLocked = !isGranted && !can(permission)
  return (
    <label className={labelClass} title={isLocked ? t('roles.lacking') : permission}>
      <input
        type="checkbox"
        aria-label={name}
        checked={isGranted}
        disabled={isLocked}
        onChange={(event) => onChange(event.target.checked)}
        className="size-4 accent-accent"
      />
      <span className="@lg:hidden">{action}</span>
    </label>
  )
}

const labelClass = 'inline-flex min-h-8 items-center gap-2 align-middle'
