import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useList, useWhole } from '../../api/query.ts'
import type { Member } from '../../api/schema.ts'
import { useSession } from '../../session/session.tsx'
import { type Filters, useFilters } from '../../shell/filters.ts'
import { Button } from '../../ui/button.tsx'
import { Card, PageHeader, Time } from '../../ui/layout.tsx'
import { FilterSelect } from '../../ui/list/filter_select.tsx'
import { SearchField } from '../../ui/list/search_field.tsx'
import { type Column, More, Table } from '../../ui/list/table.tsx'
import { Loaded, State } from '../../ui/states.tsx'
import { InvitationsCard } from '../invitations/invitations_card.tsx'
import { InviteDialog } from '../invitations/invite_dialog.tsx'
import { roleName } from '../roles/role_text.ts'
import { type MemberAct, MemberActDialog } from './member_acts.tsx'
import { MemberMenu } from './member_menu.tsx'
import { MemberName, MemberState, RoleBadges } from './member_name.tsx'

// An address may hold any text.
const states = ['active', 'inactive'] as const

/** The members of the tenant. */
export function Page() {
  const { t } = useTranslation('console')
  const { can } = useSession()
  const [filters, change] = useFilters()
  const { q, role, state } = filters
  const list = useList('members', '/api/members', {
    query: { q, role, state: states.find((it) => it === state) },
  })
  const [act, setAct] = useState<MemberAct>()
  const columns = useColumns((member, name) => setAct({ member, name }))
  const isFiltered = Boolean(q || role || state)
  return (
    <>
      <PageHeader
        title={t('members.title')}
        description={t('members.lead')}
        actions={can('invitations:create') && <InviteButton />}
      />
      <div className="grid gap-6">
        {can('invitations:read') && <InvitationsCard />}
        <Card>
          <MemberFilters filters={filters} change={change} />
          <Loaded query={list.query}>
            {(members) =>
              members.length === 0 ? (
                <NoMembers
                  isFiltered={isFiltered}
                  clear={() => change({ q: '', role: '', state: '' })}
                />
              ) : (
                <>
                  <Table
                    label={t('members.title')}
                    columns={columns}
                    rows={members}
                    rowKey={(it) => it.id}
                    href={(it) => `/members/${it.id}`}
                  />
                  <More {...list} count={members.length} />
                </>
              )
            }
          </Loaded>
        </Card>
      </div>
      {act !== undefined && <MemberActDialog {...act} onClose={() => setAct(undefined)} />}
    </>
  )
}

function InviteButton() {
  const { t } = useTranslation('console')
  const [isOpen, setOpen] = useState(false)
  return (
    <>
      <Button look="primary" icon="plus" onClick={() => setOpen(true)}>
        {t('invitations.invite')}
      </Button>
      {isOpen && <InviteDialog onClose={() => setOpen(false)} />}
    </>
  )
}

function MemberFilters({ filters, change }: { filters: Filters; change: (it: Filters) => void }) {
  const { t } = useTranslation('console')
  return (
    <search className="flex flex-wrap gap-2 border-b border-line p-3 sm:flex-nowrap sm:px-4">
      <div className="flex min-w-0 basis-full sm:min-w-40 sm:flex-1">
        <SearchField
          label={t('members.search')}
          value={filters['q'] ?? ''}
          onChange={(q) => change({ q })}
        />
      </div>
      <RoleFilter value={filters['role'] ?? ''} onChange={(role) => change({ role })} />
      <FilterSelect
        label={t('members.state')}
        value={filters['state'] ?? ''}
        onChange={(state) => change({ state })}
        options={[
          ['', t('members.anyState')],
          ['active', t('members.active')],
          ['inactive', t('members.suspended')],
        ]}
      />
    </search>
  )
}

function RoleFilter({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  const { t } = useTranslation('console')
  const { can } = useSession()
  if (!can('roles:read')) return null
  return (
    <RoleSelect label={t('members.role')} any={t('members.anyRole')} {...{ value, onChange }} />
  )
}

function RoleSelect(props: {
  label: string
  any: string
  value: string
  onChange: (value: string) => void
}) {
  const own = useWhole('roles', '/api/roles')
  const system = useWhole('roles', '/api/system-roles')
  const names = [...(system.data ?? []), ...(own.data ?? [])].map((it) => it.name)
  const options = ['', ...names].map((it) => [it, it === '' ? props.any : roleName(it)] as const)
  return <FilterSelect {...props} options={options} />
}

function useColumns(act: (member: Member, name: MemberAct['name']) => void): Column<Member>[] {
  const { t } = useTranslation('console')
  return [
    {
      key: 'name',
      title: t('members.member'),
      className: 'max-w-0 w-full @2xl:w-[45%]',
      cell: (it) => <MemberName member={it} showsState />,
    },
    {
      key: 'roles',
      title: t('members.roles'),
      wide: true,
      cell: (it) => <RoleBadges roles={it.roles} />,
    },
    {
      key: 'state',
      title: t('members.state'),
      wide: true,
      cell: (it) => <MemberState isActive={it.is_active} />,
    },
    {
      key: 'joined',
      title: t('members.joined'),
      wide: true,
      className: 'text-sm text-muted',
      cell: (it) => <Time at={it.created_at} />,
    },
    {
      key: 'acts',
      end: true,
      className: 'w-12',
      cell: (it) => <MemberMenu member={it} act={(name) => act(it, name)} />,
    },
  ]
}

function NoMembers({ isFiltered, clear }: { isFiltered: boolean; clear: () => void }) {
  const { t } = useTranslation('console')
  if (!isFiltered)
    return <State icon="users" title={t('members.none')} text={t('members.noneText')} />
  return (
    <State
      icon="search"
      title={t('list.noMatch')}
      text={t('members.noMatch')}
      action={<Button onClick={clear}>{t('list.clear')}</Button>}
    />
  )
}
