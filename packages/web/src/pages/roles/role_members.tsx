import { useTranslation } from 'react-i18next'
import type { List } from '../../api/hooks.ts'
import { useList } from '../../api/query.ts'
import type { Member, Role } from '../../api/schema.ts'
import { Card } from '../../ui/layout.tsx'
import { More, Table } from '../../ui/list/table.tsx'
import { Loaded, Skeleton } from '../../ui/states.tsx'
import { MemberName, MemberState } from '../members/member_name.tsx'

/** The members who have a role: one of the tenant by its id, one of the system by its name. */
export function RoleMembers({ role: { id, name } }: { role: Role }) {
  return id === null ? <OfSystemRole name={name} /> : <OfOwnRole id={id} />
}

function OfSystemRole({ name }: { name: string }) {
  return <MembersCard list={useList('members', '/api/members', { query: { role: name } })} />
}

function OfOwnRole({ id }: { id: string }) {
  const path = { role_id: id }
  return <MembersCard list={useList('members', '/api/roles/{role_id}/members', { path })} />
}

function MembersCard({ list }: { list: List<Member> }) {
  const { t } = useTranslation('console')
  return (
    <Card title={t('roles.members')} description={t('roles.membersText')}>
      <Loaded query={list.query} loading={<Skeleton rows={2} />}>
        {(members) =>
          members.length === 0 ? (
            <p className="px-5 pb-5 pt-3 text-muted sm:px-6">{t('roles.noMembers')}</p>
          ) : (
            <div className="mt-3 border-t border-line">
              <Table
                label={t('roles.members')}
                columns={[
                  {
                    key: 'name',
                    title: t('members.member'),
                    className: 'w-full max-w-0',
                    cell: (it) => <MemberName member={it} showsState />,
                  },
                  {
                    key: 'state',
                    title: t('members.state'),
                    wide: true,
                    cell: (it) => <MemberState isActive={it.is_active} />,
                  },
                ]}
                rows={members}
                rowKey={(it) => it.id}
                href={(it) => `/members/${it.id}`}
              />
              <More {...list} count={members.length} />
            </div>
          )
        }
      </Loaded>
    </Card>
  )
}
