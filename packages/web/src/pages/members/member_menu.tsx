import { useTranslation } from 'react-i18next'
import type { Member } from '../../api/schema.ts'
import { useSession } from '../../session/session.tsx'
import { Menu } from '../../ui/menu/menu.tsx'
import type { MenuItem } from '../../ui/menu/menu_trigger.tsx'
import type { MemberAct } from './member_acts.tsx'

interface MemberMenuProps {
  member: Member
  act: (name: MemberAct['name']) => void
}

/** What the actor may do with a member. */
export function MemberMenu({ member, act }: MemberMenuProps) {
  const { t } = useTranslation('console')
  const items = useMemberActs(member, act)
  return (
    <Menu label={t('members.menu', { name: member.full_name || member.email })} items={items} />
  )
}

/** The acts that the actor may do on a member. */
export function useMemberActs(member: Member, act: MemberMenuProps['act']): MenuItem[] {
  const { t } = useTranslation('console')
  const { can, id } = useSession()
  // The API rejects changes of the actor's own membership.
  if (member.id === id) return []
  const state = member.is_active ? 'suspend' : 'activate'
  return [
    ...(can('members:update')
      ? [
          { label: t('members.changeRoles'), icon: 'shield' as const, act: () => act('roles') },
          { label: t(`members.${state}`), icon: 'lock' as const, act: () => act(state) },
        ]
      : []),
    ...(can('members:delete')
      ? [
          {
            label: t('members.remove'),
            icon: 'trash' as const,
            danger: true,
            act: () => act('remove'),
          },
        ]
      : []),
  ]
}
