import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { api } from '../../api/client.ts'
import { useWhole } from '../../api/query.ts'
import { useRefresh } from '../../api/query_client.ts'
import type { Member } from '../../api/schema.ts'
import { useSession } from '../../session/session.tsx'
import { Button } from '../../ui/button.tsx'
import { Confirm } from '../../ui/form/confirm.tsx'
import { Card } from '../../ui/layout.tsx'
import { SessionRow } from '../../ui/list/session_row.tsx'
import { Loaded, Skeleton } from '../../ui/states.tsx'
import { toast } from '../../ui/toast.tsx'

/** Where a member is signed in. */
export function MemberSessions({ member }: { member: Member }) {
  const { t } = useTranslation('console')
  const { can } = useSession()
  const refresh = useRefresh()
  const [isEnding, end] = useState(false)
  const path = { user_id: member.id }
  const query = useWhole('sessions', '/api/members/{user_id}/sessions', { path })
  const name = member.full_name || member.email
  const count = query.data?.length ?? 0
  return (
    <Card
      title={t('members.sessions')}
      description={t('members.sessionsText')}
      actions={
        can('sessions:delete') &&
        count > 0 && <Button onClick={() => end(true)}>{t('members.endSessions')}</Button>
      }
    >
      <Loaded query={query} loading={<Skeleton rows={2} />}>
        {(sessions) =>
          sessions.length === 0 ? (
            <p className="px-5 pb-5 pt-3 text-muted sm:px-6">{t('members.noSessions')}</p>
          ) : (
            <ul className="mt-3 border-t border-line">
              {sessions.map((it) => (
                <SessionRow key={it.id} session={it} />
              ))}
            </ul>
          )
        }
      </Loaded>
      {isEnding && (
        <Confirm
          title={t('members.endSessionsTitle', { name })}
          action={t('members.endSessions')}
          onClose={() => end(false)}
          act={async () => {
            await api.DELETE('/api/members/{user_id}/sessions', { params: { path } })
            toast(t('members.sessionsEnded', { name }))
            await refresh('sessions')
          }}
        >
          {t('members.endSessionsText', { name, count })}
        </Confirm>
      )}
    </Card>
  )
}
