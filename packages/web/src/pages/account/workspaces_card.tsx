import { useTranslation } from 'react-i18next'
import { useItem } from '../../api/query.ts'
import { WorkspaceLink } from '../../session/workspace_link.tsx'
import { Badge } from '../../ui/badge.tsx'
import { buttonClass } from '../../ui/button.tsx'
import { Card } from '../../ui/layout.tsx'
import { Loaded, Skeleton } from '../../ui/states.tsx'

/** The workspaces that the person can go to, without a password. An account of one workspace has no others. */
export function WorkspacesCard() {
  const account = useItem('account', '/api/account')
  return account.data?.data.identity_scope === 'global' ? <Workspaces /> : null
}

function Workspaces() {
  const { t } = useTranslation('console')
  const query = useItem('workspaces', '/api/account/tenants')
  return (
    <Card title={t('workspaces.title')} description={t('workspaces.text')}>
      <Loaded query={query} loading={<Skeleton rows={2} />}>
        {({ data: { items } }) => {
          const here = items.find((it) => it.is_current)?.subdomain ?? ''
          return (
            <ul className="mt-3 divide-y divide-line border-t border-line">
              {items.map((it) => (
                <li key={it.id} className="flex min-w-0 items-center gap-3 px-5 py-3 sm:px-6">
                  <span className="grid min-w-0 flex-1">
                    <span className="truncate font-medium" title={it.name} dir="auto">
                      {it.name}
                    </span>
                    {/* Whole: a custom domain can begin with any other name. */}
                    <span className="break-all text-sm text-muted">{new URL(it.home).host}</span>
                  </span>
                  {it.is_current ? (
                    <Badge>{t('workspaces.current')}</Badge>
                  ) : (
                    <WorkspaceLink
                      to={it}
                      here={here}
                      aria-label={t('workspaces.goTo', { name: it.name })}
                      className={buttonClass()}
                    >
                      {t('workspaces.go')}
                    </WorkspaceLink>
                  )}
                </li>
              ))}
            </ul>
          )
        }}
      </Loaded>
    </Card>
  )
}
