import { useTranslation } from 'react-i18next'
import { ifMatch } from 'tenantry-client'
import { api } from '../../api/client.ts'
import type { Version } from '../../api/hooks.ts'
import { useVersion } from '../../api/query.ts'
import { useRefresh } from '../../api/query_client.ts'
import type { Member } from '../../api/schema.ts'
import { Dialog } from '../../ui/dialog.tsx'
import { DialogForm } from '../../ui/form/dialog_form.tsx'
import { useForm } from '../../ui/form/form.ts'
import { Loaded, Skeleton } from '../../ui/states.tsx'
import { toast } from '../../ui/toast.tsx'
import { RoleChoice } from './role_choice.tsx'

/** Changes the roles of a member, from the version that the dialog has read. */
export function MemberRolesDialog({ member, onClose }: { member: Member; onClose: () => void }) {
  const { t } = useTranslation('console')
  const latest = useVersion('members', '/api/members/{user_id}', {
    path: { user_id: member.id },
  })
  return (
    <Dialog
      keep
      title={t('members.rolesOf', { name: member.full_name || member.email })}
      description={t('members.rolesText')}
      onClose={onClose}
    >
      <Loaded query={latest} loading={<Skeleton rows={3} />}>
        {(read) => (
          // A newer version, after "reload", starts the form again.
          <RolesForm
            key={read.etag}
            read={read}
            reload={() => void latest.refetch()}
            onClose={onClose}
          />
        )}
      </Loaded>
    </Dialog>
  )
}

interface RolesFormProps {
  read: Version<Member>
  reload: () => void
  onClose: () => void
}

function RolesForm({ read, reload, onClose }: RolesFormProps) {
  const { t } = useTranslation('console')
  const refresh = useRefresh()
  const { data: member } = read
  const form = useForm({
    initial: { roles: member.roles },
    submit: async ({ roles }, overwrite) => {
      const params = { path: { user_id: member.id } }
      const version = !overwrite && ifMatch(read)
      await api.PATCH('/api/members/{user_id}', { params, body: { roles }, ...version })
      toast(t('members.rolesStored', { name: member.full_name || member.email }))
      onClose()
      await refresh('members')
    },
  })
  return (
    <DialogForm form={form} reload={reload} onClose={onClose}>
      <RoleChoice chosen={form.values.roles} onChange={(roles) => form.set('roles', roles)} />
    </DialogForm>
  )
}
