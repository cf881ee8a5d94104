import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { api } from '../../api/client.ts'
import { useWhole } from '../../api/query.ts'
import { useRefresh } from '../../api/query_client.ts'
import type { Session } from '../../api/schema.ts'
import { Button } from '../../ui/button.tsx'
import { Confirm } from '../../ui/form/confirm.tsx'
import { Card } from '../../ui/layout.tsx'
import { SessionRow } from '../../ui/list/session_row.tsx'
import { Loaded, Skeleton } from '../../ui/states.tsx'
import { toast, toastProblem } from '../../ui/toast.tsx'

/** Where the person is signed in: each session can be ended, and all others together. */
export function SessionsCard() {
  const { t } = useTranslation('console')
  const refresh = useRefresh()
  const [isEnding, end] = useState(false)
  const query = useWhole('sessions', '/api/sessions')
  const others = (query.data ?? []).filter((it) => !it.is_current).length
  const endOthers = async () => {
    await api.DELETE('/api/sessions')
    toast(t('account.othersEnded'))
    await refresh('sessions')
  }
  return (
    <Card
      title={t('account.sessions')}
      description={t('account.sessionsText')}
      actions={others > 0 && <Button onClick={() => end(true)}>{t('account.endOthers')}</Button>}
    >
      <Loaded query={query} loading={<Skeleton rows={2} />}>
        {(sessions) => (
          <ul className="mt-3 border-t border-line">
            {currentFirst(sessions).map((it) => (
              <SessionRow
                key={it.id}
                session={it}
                action={!it.is_current && <EndButton session={it} />}
              />
            ))}
          </ul>
        )}
      </Loaded>
      {isEnding && (
        <Confirm
          title={t('account.endOthersTitle')}
          action={t('account.endOthers')}
          act={endOthers}
          onClose={() => end(false)}
        >
          {t('account.endOthersText', { count: others })}
        </Confirm>
      )}
    </Card>
  )
}

function EndButton({ session }: { session: Session }) {
  const { t } = useTranslation('console')
  const refresh = useRefresh()
  const [busy, setBusy] = useState(false)
  const end = async () => {
    setBusy(true)
    try {
      await api.DELETE('/api/sessions/{session_id}', {
        params: { path: { session_id: session.id } },
      })
      toast(t('account.ended'))
    } catch (error) {
      toastProblem(error)
    }
    // After a failure too: a session that has ended meanwhile is gone from the list.
    await refresh('sessions')
    setBusy(false)
  }
  return (
    <Button busy={busy} onClick={() => void end()}>
      {t('account.end')}
    </Button>
  )
}

function currentFirst(sessions: readonly Session[]): Session[] {
  return sessions.toSorted((a, b) => Number(b.is_current) - Number(a.is_current))
}
