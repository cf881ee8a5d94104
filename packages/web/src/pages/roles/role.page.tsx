import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { ifMatch } from 'tenantry-client'
import { api } from '../../api/client.ts'
import { useVersion } from '../../api/query.ts'
import { useRefresh } from '../../api/query_client.ts'
import type { Role } from '../../api/schema.ts'
import { type PageProps, urlOf } from '../../page.ts'
import { useSession } from '../../session/session.tsx'
import { BackLink } from '../../ui/back_link.tsx'
import { Button } from '../../ui/button.tsx'
import { Confirm } from '../../ui/form/confirm.tsx'
import { Card, PageHeader } from '../../ui/layout.tsx'
import { Loaded, Missing } from '../../ui/states.tsx'
import { toast } from '../../ui/toast.tsx'
import { PermissionMatrix } from './permission_matrix.tsx'
import { RoleForm } from './role_form.tsx'
import { RoleMembers } from './role_members.tsx'
import { descriptionOf, roleName } from './role_text.ts'
import { useRoles } from './use_roles.ts'

/** One role: what it permits, and who has it. */
export function Page({ params }: PageProps) {
  const { t } = useTranslation('console')
  const { query, roles } = useRoles()
  const role = roles.find((it) => it.name === params['name'])
  return (
    <Loaded isPage query={query} loading={<PageHeader title={t('roles.role')} above={<Back />} />}>
      {() =>
        role === undefined ? (
          <Card>
            <Missing isPage />
          </Card>
        ) : (
          <RoleDetails key={role.name} role={role} />
        )
      }
    </Loaded>
  )
}

function Back() {
  const { t } = useTranslation('console')
  return <BackLink to="/roles">{t('roles.back')}</BackLink>
}

function RoleDetails({ role }: { role: Role }) {
  const { t } = useTranslation('console')
  const { can } = useSession()
  const [isDeleting, askToDelete] = useState(false)
  const description = role.is_system ? t('roles.systemText', { name: role.name }) : role.description
  return (
    <>
      <PageHeader
        title={roleName(role.name)}
        above={<Back />}
        {...(description !== '' && { description })}
        actions={
          !role.is_system &&
          can('roles:delete') && (
            <Button look="removal" onClick={() => askToDelete(true)}>
              {t('roles.delete')}
            </Button>
          )
        }
      />
      <div className="grid grid-cols-[minmax(0,1fr)] gap-6">
        {role.id === null || !can('roles:update') ? (
          <ReadOnly role={role} />
        ) : (
          <Editable id={role.id} />
        )}
        {can('members:read') && <RoleMembers role={role} />}
      </div>
      {isDeleting && <DeleteRole role={role} onClose={() => askToDelete(false)} />}
    </>
  )
}

function ReadOnly({ role }: { role: Role }) {
  const { t } = useTranslation('console')
  const { catalogue } = useRoles()
  const description = descriptionOf(role)
  return (
    <Card title={t('roles.permissions')} {...(description !== '' && { description })}>
      <Loaded query={catalogue}>
        {(all) => (
          <div className="mt-3 border-t border-line">
            <PermissionMatrix catalogue={all} grants={role.permissions} />
          </div>
        )}
      </Loaded>
    </Card>
  )
}

function Editable({ id }: { id: string }) {
  const { t } = useTranslation('console')
  const refresh = useRefresh()
  const path = { role_id: id }
  const query = useVersion('roles', '/api/roles/{role_id}', { path })
  return (
    <Loaded query={query}>
      {(read) => (
        <RoleForm
          key={read.etag}
          role={read.data}
          reload={() => void query.refetch()}
          store={async ({ description, permissions }, overwrite) => {
            const body = { description, permissions }
            const version = !overwrite && ifMatch(read)
            await api.PATCH('/api/roles/{role_id}', { params: { path }, body, ...version })
            toast(t('roles.stored', { name: read.data.name }))
            await refresh('roles', 'me')
          }}
        />
      )}
    </Loaded>
  )
}

function DeleteRole({ role, onClose }: { role: Role; onClose: () => void }) {
  const { t } = useTranslation('console')
  const navigate = useNavigate()
  const refresh = useRefresh()
  return (
    <Confirm
      title={t('roles.deleteTitle', { name: role.name })}
      action={t('roles.delete')}
      name={role.name}
      onClose={onClose}
      act={async () => {
        await api.DELETE('/api/roles/{role_id}', { params: { path: { role_id: role.id ?? '' } } })
        toast(t('roles.deleted', { name: role.name }))
        await navigate({ to: urlOf('/roles') })
        await refresh('roles')
      }}
    >
      {t('roles.deleteText')}
    </Confirm>
  )
}
