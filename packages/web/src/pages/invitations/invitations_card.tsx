import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { api } from '../../api/client.ts'
import { textOf } from '../../api/problem.ts'
import { useList } from '../../api/query.ts'
import { useRefresh } from '../../api/query_client.ts'
import type { Invitation } from '../../api/schema.ts'
import { useSession } from '../../session/session.tsx'
import { Badge } from '../../ui/badge.tsx'
import { Confirm } from '../../ui/form/confirm.tsx'
import { Card, Time } from '../../ui/layout.tsx'
import { type Column, More, Table } from '../../ui/list/table.tsx'
import { Menu } from '../../ui/menu/menu.tsx'
import { Loaded } from '../../ui/states.tsx'
import { toast } from '../../ui/toast.tsx'
import { RoleBadges } from '../members/member_name.tsx'

/** The invitations that were not accepted yet. Without any there is no card. */
export function InvitationsCard() {
  const { t } = useTranslation('console')
  const list = useList('invitations', '/api/invitations', {})
  const [revoking, setRevoking] = useState<Invitation>()
  const columns = useColumns(setRevoking)
  // No card appears and goes again while there is none to show.
  if (!list.query.isError && !list.query.data?.length) return null
  return (
    <Card title={t('invitations.open')} description={t('invitations.openText')}>
      <div className="mt-4 border-t border-line">
        <Loaded query={list.query}>
          {(rows) => (
            <>
              <Table
                label={t('invitations.open')}
                columns={columns}
                rows={rows}
                rowKey={(it) => it.id}
              />
              {list.hasMore && <More {...list} count={rows.length} />}
            </>
          )}
        </Loaded>
      </div>
      {revoking !== undefined && (
        <Revoke invitation={revoking} onClose={() => setRevoking(undefined)} />
      )}
    </Card>
  )
}

function useColumns(revoke: (invitation: Invitation) => void): Column<Invitation>[] {
  const { t } = useTranslation('console')
  return [
    {
      key: 'person',
      title: t('invitations.person'),
      className: 'max-w-0 w-full @2xl:w-[45%]',
      cell: (it) => <Person invitation={it} />,
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
      cell: (it) => <InvitationState state={it.state} />,
    },
    {
      key: 'sent',
      title: t('invitations.sentAt'),
      wide: true,
      className: 'text-sm text-muted',
      cell: (it) => <Time at={it.delivered_at} />,
    },
    { key: 'acts', end: true, className: 'w-12', cell: (it) => <Acts {...{ revoke }} of={it} /> },
  ]
}

function Person({ invitation }: { invitation: Invitation }) {
  const { t } = useTranslation('console')
  const { email, full_name, inviter_name } = invitation
  return (
    <span className="block min-w-0 leading-snug">
      <span className="block truncate font-medium" dir="auto" title={full_name || email}>
        {full_name || email}
      </span>
      {full_name !== '' && <span className="block truncate text-sm text-muted">{email}</span>}
      {invitation.state !== 'open' && (
        <span className="@2xl:hidden">
          <InvitationState state={invitation.state} />
        </span>
      )}
      {inviter_name !== null && (
        <span className="block break-words text-sm text-muted">
          {t('invitations.by', { name: inviter_name })}
        </span>
      )}
    </span>
  )
}

function InvitationState({ state }: Pick<Invitation, 'state'>) {
  const { t } = useTranslation('console')
  return state === 'open' ? (
    <Badge look="accent">{t('invitations.stateOpen')}</Badge>
  ) : (
    <Badge look="warning">{t('invitations.stateExpired')}</Badge>
  )
}

function Acts(props: { of: Invitation; revoke: (invitation: Invitation) => void }) {
  const { t } = useTranslation('console')
  const { can } = useSession()
  const refresh = useRefresh()
  const { id, email } = props.of
  const deliver = async () => {
    try {
      const params = { path: { invitation_id: id } }
      await api.POST('/api/invitations/{invitation_id}/delivery', { params })
      toast(t('invitations.sent', { email }))
    } catch (error) {
      toast(textOf(error))
    }
    await refresh('invitations')
  }
  const items = [
    ...(can('invitations:create')
      ? [{ label: t('invitations.again'), icon: 'mail' as const, act: () => void deliver() }]
      : []),
    ...(can('invitations:delete')
      ? [
          {
            label: t('invitations.revoke'),
            icon: 'trash' as const,
            danger: true,
            act: () => props.revoke(props.of),
          },
        ]
      : []),
  ]
  return <Menu label={t('members.menu', { name: email })} items={items} />
}

function Revoke({ invitation, onClose }: { invitation: Invitation; onClose: () => void }) {
  const { t } = useTranslation('console')
  const refresh = useRefresh()
  const { id, email } = invitation
  const revoke = async () => {
    await api.DELETE('/api/invitations/{invitation_id}', {
      params: { path: { invitation_id: id } },
    })
    toast(t('invitations.revoked', { email }))
    await refresh('invitations')
  }
  return (
    <Confirm
      title={t('invitations.revokeTitle', { email })}
      action={t('invitations.revoke')}
      act={revoke}
      onClose={onClose}
    >
      {t('invitations.revokeText')}
    </Confirm>
  )
}
