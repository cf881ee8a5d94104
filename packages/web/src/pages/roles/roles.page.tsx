import { useTranslation } from 'react-i18next'
import type { Role } from '../../api/schema.ts'
import { useSession } from '../../session/session.tsx'
import { Badge } from '../../ui/badge.tsx'
import { buttonClass } from '../../ui/button.tsx'
import { Icon } from '../../ui/icons.tsx'
import { Card, PageHeader } from '../../ui/layout.tsx'
import { Link } from '../../ui/link.tsx'
import { type Column, Table } from '../../ui/list/table.tsx'
import { Loaded } from '../../ui/states.tsx'
import { expand } from './permissions.ts'
import { descriptionOf, roleName } from './role_text.ts'
import { useRoles } from './use_roles.ts'

/** The system roles and those of the tenant. */
export function Page() {
  const { t } = useTranslation('console')
  const { can } = useSession()
  const { query, roles, catalogue } = useRoles()
  const columns = useColumns(catalogue.data ?? [])
  return (
    <>
      <PageHeader
        title={t('roles.title')}
        description={t('roles.lead')}
        actions={
          can('roles:create') && (
            <Link to="/new-role" className={buttonClass({ look: 'primary' })}>
              <Icon name="plus" />
              {t('roles.new')}
            </Link>
          )
        }
      />
      <Card>
        <Loaded query={query}>
          {() => (
            <Table
              label={t('roles.title')}
              columns={columns}
              rows={roles}
              rowKey={(it) => it.name}
              href={(it) => `/roles/${it.name}`}
            />
          )}
        </Loaded>
      </Card>
    </>
  )
}

function useColumns(catalogue: readonly string[]): Column<Role>[] {
  const { t } = useTranslation('console')
  return [
    {
      key: 'name',
      title: t('roles.role'),
      className: 'w-full max-w-0 @2xl:w-[60%]',
      cell: (it) => (
        <span className="grid min-w-0 leading-snug">
          <span className="break-words font-medium" dir="auto">
            {roleName(it.name)}
          </span>
          <span className="truncate text-sm text-muted" dir="auto">
            {descriptionOf(it)}
          </span>
        </span>
      ),
    },
    {
      key: 'kind',
      title: t('roles.kind'),
      wide: true,
      cell: (it) => (
        <Badge look={it.is_system ? 'neutral' : 'accent'}>
          {t(it.is_system ? 'roles.system' : 'roles.custom')}
        </Badge>
      ),
    },
    {
      key: 'count',
      title: t('roles.permissions'),
      end: true,
      className: 'whitespace-nowrap text-sm text-muted tabular-nums',
      cell: (it) =>
        t('roles.count', {
          granted: expand(it.permissions, catalogue).length,
          all: catalogue.length,
        }),
    },
  ]
}
