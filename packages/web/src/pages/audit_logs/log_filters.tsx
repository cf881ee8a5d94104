import { lazy, type ReactNode, Suspense } from 'react'
import { useTranslation } from 'react-i18next'
import { useSession } from '../../session/session.tsx'

// Lists that are searched while one types: HTML has no element for them, so Base UI comes with these filters.
const ActCombobox = lazy(async () => ({
  default: (await import('./act_combobox.tsx')).ActCombobox,
}))
const MemberCombobox = lazy(async () => ({
  default: (await import('../members/member_combobox.tsx')).MemberCombobox,
}))

const look =
  'h-8 w-full truncate rounded-lg bg-surface pl-3 pr-8 text-sm font-medium shadow-soft ring-1 ring-inset ring-line-strong placeholder:text-text focus:outline-none focus-visible:ring-2 focus-visible:ring-accent max-sm:h-10 max-sm:text-lg'

interface FilterProps {
  value: string
  onChange: (value: string) => void
}

/** Chooses the action that is shown. */
export function ActFilter(props: FilterProps) {
  const { t } = useTranslation('console')
  return (
    <Place>
      <ActCombobox
        {...props}
        label={t('auditLogs.filterAction')}
        placeholder={t('auditLogs.anyAction')}
        className={look}
      />
    </Place>
  )
}

/** Chooses the member whose acts are shown, for actors who may see members. */
export function MemberFilter(props: FilterProps) {
  const { t } = useTranslation('console')
  const { can } = useSession()
  if (!can('members:read')) return null
  return (
    <Place>
      <MemberCombobox
        {...props}
        placeholder={t('auditLogs.anyActor')}
        input={{ 'aria-label': t('auditLogs.filterActor') }}
        className={look}
      />
    </Place>
  )
}

function Place({ children }: { children: ReactNode }) {
  return (
    <div className="h-8 min-w-0 max-sm:h-10 max-sm:w-full sm:w-72">
      <Suspense fallback={null}>{children}</Suspense>
    </div>
  )
}
