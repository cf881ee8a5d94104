import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useItem, useWhole } from '../../api/query.ts'
import type { Member, MemberPermission } from '../../api/schema.ts'
import { formatList } from '../../i18n/format.ts'
import { Badge } from '../../ui/badge.tsx'
import { Select } from '../../ui/form/field.tsx'
import { Notice } from '../../ui/form/notice.tsx'
import { Card, CardBody } from '../../ui/layout.tsx'
import { Loaded, Skeleton } from '../../ui/states.tsx'
import { permissionText, roleName } from '../roles/role_text.ts'

/** Why a member may do something, or what is missing. */
export function Explain({ member }: { member: Member }) {
  const { t } = useTranslation('console')
  const [permission, choose] = useState('')
  const catalogue = useWhole('roles', '/api/permissions')
  return (
    <Card title={t('members.explain')} description={t('members.explainText')}>
      <CardBody>
        <Loaded query={catalogue} loading={<Skeleton rows={1} />}>
          {(all) => (
            <div className="max-w-sm">
              <Select label={t('members.permission')} value={permission} onChange={choose}>
                <option value="">{t('members.choosePermission')}</option>
                {all.map((it) => (
                  <option key={it} value={it}>
                    {permissionText(it)}
                  </option>
                ))}
              </Select>
            </div>
          )}
        </Loaded>
        {permission !== '' && <Answer member={member} permission={permission} />}
      </CardBody>
    </Card>
  )
}

function Answer({ member, permission }: { member: Member; permission: string }) {
  const { t } = useTranslation('console')
  const query = useItem('members', '/api/members/{user_id}/permissions', {
    path: { user_id: member.id },
    query: { permission },
  })
  const name = member.full_name || member.email
  return (
    <Loaded query={query} loading={<Skeleton rows={1} />}>
      {({ data: { items } }) => {
        const [found] = items
        if (found === undefined) return null
        if (!found.allowed) return <Denied {...{ name, found }} isActive={member.is_active} />
        return (
          <Notice look="success">
            <p className="font-medium">{t('members.allowed', { name })}</p>
            <p className="mt-1 flex flex-wrap items-center gap-1.5">
              {t('members.allowedBy')}
              {found.granted_by.map((it) => (
                <Badge key={it}>{roleName(it)}</Badge>
              ))}
            </p>
          </Notice>
        )
      }}
    </Loaded>
  )
}

interface DeniedProps {
  name: string
  found: MemberPermission
  isActive: boolean
}

function Denied({ name, found, isActive }: DeniedProps) {
  const { t } = useTranslation('console')
  // Absent without roles:read.
  const roles = found.granting_roles
  return (
    <Notice look="warning">
      <p className="font-medium">{t('members.denied', { name })}</p>
      <p className="mt-1">
        {isActive ? t('members.deniedText') : t('members.inactive')}{' '}
        {roles?.length === 0 && t('members.noneGrants')}
        {roles !== undefined &&
          roles.length > 0 &&
          t('members.grantedBy', { roles: formatList(roles.map(roleName)) })}{' '}
        {roles !== undefined &&
          roles.length > 0 &&
          t(found.you_may_grant === true ? 'members.youMayGrant' : 'members.youMayNotGrant')}
      </p>
    </Notice>
  )
}
