import { useNavigate } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { api } from '../../api/client.ts'
import { useRefresh } from '../../api/query_client.ts'
import { urlOf } from '../../page.ts'
import { BackLink } from '../../ui/back_link.tsx'
import { PageHeader } from '../../ui/layout.tsx'
import { toast } from '../../ui/toast.tsx'
import { RoleForm, type RoleValues } from './role_form.tsx'

/** A new role of the tenant. */
export function Page() {
  const { t } = useTranslation('console')
  const navigate = useNavigate()
  const refresh = useRefresh()
  const create = async (body: RoleValues) => {
    await api.POST('/api/roles', { body })
    toast(t('roles.created', { name: body.name }))
    await refresh('roles')
    await navigate({ to: urlOf(`/roles/${body.name}`) })
  }
  return (
    <>
      <PageHeader
        title={t('roles.new')}
        description={t('roles.newLead')}
        above={<BackLink to="/roles">{t('roles.back')}</BackLink>}
      />
      <RoleForm store={create} />
    </>
  )
}
