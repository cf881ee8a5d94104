import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useItem } from '../../api/query.ts'
import type { Member } from '../../api/schema.ts'
import { type PageProps, urlOf } from '../../page.ts'
import { useSession } from '../../session/session.tsx'
import { BackLink } from '../../ui/back_link.tsx'
import { Avatar } from '../../ui/badge.tsx'
import { Button } from '../../ui/button.tsx'
import { Card, CardBody, Facts, PageHeader, Time } from '../../ui/layout.tsx'
import { Loaded } from '../../ui/states.tsx'
import { Explain } from './explain.tsx'
import { type MemberAct, MemberActDialog } from './member_acts.tsx'
import { useMemberActs } from './member_menu.tsx'
import { MemberState, RoleBadges } from './member_name.tsx'
import { MemberSessions } from './member_sessions.tsx'

/** One member: roles, status, sessions, and why they may do what. */
export function Page({ params }: PageProps) {
  const { t } = useTranslation('console')
  const query = useItem('members', '/api/members/{user_id}', {
    path: { user_id: params['user_id'] ?? '' },
  })
  return (
    <Loaded
      isPage
      query={query}
      loading={<PageHeader title={t('members.member')} above={<Back />} />}
    >
      {({ data }) => <MemberDetails member={data} />}
    </Loaded>
  )
}

function Back() {
  const { t } = useTranslation('console')
  return <BackLink to="/members">{t('members.back')}</BackLink>
}

function MemberDetails({ member }: { member: Member }) {
  const { t } = useTranslation('console')
  const { can, id } = useSession()
  const navigate = useNavigate()
  const [act, setAct] = useState<MemberAct['name']>()
  const name = member.full_name || member.email
  return (
    <>
      <PageHeader
        title={name}
        description={member.id === id ? t('members.self') : member.email}
        above={<Back />}
        mark={<Avatar name={name} className="size-11 text-base" />}
        actions={<MemberActions member={member} act={setAct} />}
      />
      <div className="grid gap-6">
        <Card title={t('members.details')}>
          <CardBody>
            <Facts
              items={[
                [t('members.email'), member.email],
                [t('members.state'), <MemberState key="state" isActive={member.is_active} />],
                [t('members.roles'), <RoleBadges key="roles" roles={member.roles} />],
                [t('members.joined'), <Time key="joined" at={member.created_at} exact />],
              ]}
            />
          </CardBody>
        </Card>
        {can('roles:read') && <Explain member={member} />}
        {can('sessions:read') && <MemberSessions member={member} />}
      </div>
      {act !== undefined && (
        <MemberActDialog
          member={member}
          name={act}
          onClose={() => setAct(undefined)}
          onRemoved={() => navigate({ to: urlOf('/members') })}
        />
      )}
    </>
  )
}

function MemberActions({
  member,
  act,
}: {
  member: Member
  act: (name: MemberAct['name']) => void
}) {
  return useMemberActs(member, act).map((it) => (
    <Button key={it.label} look={it.danger ? 'removal' : 'secondary'} onClick={it.act}>
      {it.label}
    </Button>
  ))
}
