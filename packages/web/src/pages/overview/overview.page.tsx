import { useTranslation } from 'react-i18next'
import { useSession } from '../../session/session.tsx'
import { Badge } from '../../ui/badge.tsx'
import { Card, CardBody, Facts, PageHeader } from '../../ui/layout.tsx'
import { roleName } from '../roles/role_text.ts'
import { OwnSessions } from './own_sessions.tsx'
import { RecentActivity } from './recent_activity.tsx'
import { SetupCard } from './setup_card.tsx'

/** The first page: what happened lately, what one may do, where one is signed in. */
export function Page() {
  const { t } = useTranslation('console')
  const { can, user_name, user_email, tenant_name } = useSession()
  return (
    <>
      <PageHeader
        title={t('overview.welcome', { name: user_name || user_email })}
        description={t('overview.lead', { tenant: tenant_name })}
      />
      <SetupCard />
      <div className="grid items-start gap-6 lg:grid-cols-[minmax(0,1fr)_20rem]">
        {can('audit_logs:read') && <RecentActivity />}
        <div className="grid gap-6">
          <OwnAccess />
          <OwnSessions />
        </div>
      </div>
    </>
  )
}

function OwnAccess() {
  const { t } = useTranslation('console')
  const { roles, permissions } = useSession()
  if (roles.length === 0) {
    return (
      <Card title={t('overview.yourAccess')}>
        <CardBody>
          <p className="text-muted">{t('overview.noRoles')}</p>
        </CardBody>
      </Card>
    )
  }
  return (
    <Card title={t('overview.yourAccess')}>
      <CardBody>
        <Facts
          items={[
            [
              t('overview.roles'),
              <span key="roles" className="flex flex-wrap gap-1">
                {roles.map((it) => (
                  <Badge key={it}>{roleName(it)}</Badge>
                ))}
              </span>,
            ],
            [
              t('overview.permissions'),
              t('overview.permissionCount', { count: permissions.length }),
            ],
          ]}
        />
      </CardBody>
    </Card>
  )
}
