import { useTranslation } from 'react-i18next'
import { api } from '../../api/client.ts'
import { useRefresh } from '../../api/query_client.ts'
import type { Member } from '../../api/schema.ts'
import { Confirm } from '../../ui/form/confirm.tsx'
import { toast } from '../../ui/toast.tsx'
import { MemberRolesDialog } from './member_roles_dialog.tsx'

/** An act on a member that a dialog asks about. */
export interface MemberAct {
  member: Member
  name: 'roles' | 'suspend' | 'activate' | 'remove'
}

interface MemberActProps extends MemberAct {
  onClose: () => void
  onRemoved?: () => Promise<void>
}

/** The dialog of an act on a member. */
export function MemberActDialog({ member, name, onClose, onRemoved }: MemberActProps) {
  const { t } = useTranslation('console')
  const refresh = useRefresh()
  const person = member.full_name || member.email
  if (name === 'roles') return <MemberRolesDialog member={member} onClose={onClose} />
  if (name === 'remove') {
    const remove = async () => {
      await api.DELETE('/api/members/{user_id}', { params: { path: { user_id: member.id } } })
      toast(t('members.removed', { name: person }))
      // The page of the member must not read again what is gone.
      await onRemoved?.()
      await refresh('members')
    }
    return (
      <Confirm
        title={t('members.removeTitle', { name: person })}
        action={t('members.remove')}
        name={member.email}
        act={remove}
        onClose={onClose}
      >
        {t('members.removeText', { name: person, count: member.roles.length })}
      </Confirm>
    )
  }
  return <StateDialog {...{ member, onClose }} isActive={name === 'activate'} />
}

function StateDialog({
  member,
  isActive,
  onClose,
}: {
  member: Member
  isActive: boolean
  onClose: () => void
}) {
  const { t } = useTranslation('console')
  const refresh = useRefresh()
  const name = member.full_name || member.email
  const change = async () => {
    const params = { path: { user_id: member.id } }
    await api.PATCH('/api/members/{user_id}', { params, body: { is_active: isActive } })
    toast(t(isActive ? 'members.activated' : 'members.wasSuspended', { name }))
    await refresh('members')
  }
  const act = isActive ? 'activate' : 'suspend'
  return (
    <Confirm
      title={t(`members.${act}Title`, { name })}
      action={t(`members.${act}`)}
      act={change}
      onClose={onClose}
    >
      {t(`members.${act}Text`, { name })}
    </Confirm>
  )
}
