import { lazy, Suspense } from 'react'
import { useTranslation } from 'react-i18next'
import { useSession } from '../../session/session.tsx'

// A list that is searched while one types: HTML has no element for it, so Base UI comes with this filter.
const MemberCombobox = lazy(async () => ({
  default: (await import('../members/member_combobox.tsx')).MemberCombobox,
}))

interface MemberFilterProps {
  value: string
  onChange: (id: string) => void
}

/** Chooses the member whose acts are shown, for actors who may see members. */
export function MemberFilter(props: MemberFilterProps) {
  const { t } = useTranslation('console')
  const { can } = useSession()
  if (!can('members:read')) return null
  return (
    <div className="h-8 w-56 max-sm:h-10 max-sm:w-full">
      <Suspense fallback={null}>
        <MemberCombobox
          {...props}
          placeholder={t('auditLogs.anyActor')}
          input={{ 'aria-label': t('auditLogs.filterActor') }}
          className="h-8 w-full rounded-lg bg-surface pl-3 pr-8 text-sm font-medium shadow-soft ring-1 ring-inset ring-line-strong placeholder:text-text focus:outline-none focus-visible:ring-2 focus-visible:ring-accent max-sm:h-10"
        />
      </Suspense>
    </div>
  )
}
