import { useTranslation } from 'react-i18next'
import { useWhole } from '../../api/query.ts'
import { Card } from '../../ui/layout.tsx'
import { Link } from '../../ui/link.tsx'
import { SessionRow } from '../../ui/list/session_row.tsx'
import { Loaded, Skeleton } from '../../ui/states.tsx'

const SHOWN = 3

/** Where the person is signed in, the latest first. */
export function OwnSessions() {
  const { t } = useTranslation('console')
  const query = useWhole('sessions', '/api/sessions')
  return (
    <Card
      title={t('overview.sessions')}
      actions={
        <Link to="/account" className="text-sm font-medium text-accent-text hover:underline">
          {t('overview.allSessions')}
        </Link>
      }
    >
      <Loaded query={query} loading={<Skeleton rows={2} />}>
        {(sessions) => (
          <ul className="mt-3 border-t border-line">
            {sessions.slice(0, SHOWN).map((it) => (
              <SessionRow key={it.id} session={it} />
            ))}
          </ul>
        )}
      </Loaded>
    </Card>
  )
}
