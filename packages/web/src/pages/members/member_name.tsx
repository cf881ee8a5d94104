import { useTranslation } from 'react-i18next'
import type { Member } from '../../api/schema.ts'
import { Avatar, Badge } from '../../ui/badge.tsx'
import { roleName } from '../roles/role_text.ts'

interface MemberNameProps {
  member: Member
  /** Says in a narrow table, which has no column for the status, that a membership is suspended. */
  showsState?: boolean
}

/** A member's picture, name and address. */
export function MemberName({ member, showsState = false }: MemberNameProps) {
  const name = member.full_name || member.email
  return (
    <span className="flex min-w-0 items-center gap-3">
      <Avatar name={name} />
      <span className="min-w-0 leading-snug">
        <span className="block truncate font-medium" dir="auto" title={name}>
          {name}
        </span>
        <span className="block truncate text-sm text-muted" title={member.email}>
          {member.email}
        </span>
        {showsState && !member.is_active && (
          <span className="@2xl:hidden">
            <MemberState isActive={false} />
          </span>
        )}
      </span>
    </span>
  )
}

/** A member's roles, the first three by name. */
export function RoleBadges({ roles }: { roles: readonly string[] }) {
  const { t } = useTranslation('console')
  if (roles.length === 0) return <span className="text-sm text-muted">{t('members.noRoles')}</span>
  return (
    <span className="flex flex-wrap gap-1">
      {roles.slice(0, 3).map((it) => (
        <Badge key={it}>{roleName(it)}</Badge>
      ))}
      {roles.length > 3 && <Badge>{`+${roles.length - 3}`}</Badge>}
    </span>
  )
}

/** Whether a membership is active. */
export function MemberState({ isActive }: { isActive: boolean }) {
  const { t } = useTranslation('console')
  return (
    <Badge look={isActive ? 'success' : 'warning'}>
      {t(isActive ? 'members.active' : 'members.suspended')}
    </Badge>
  )
}
