import { useTranslation } from 'react-i18next'
import { useList } from '../../api/query.ts'
import { Card, Time } from '../../ui/layout.tsx'
import { Link } from '../../ui/link.tsx'
import { Loaded, Skeleton, State } from '../../ui/states.tsx'
import { actText } from '../audit_logs/act_text.ts'
import { Actor } from '../audit_logs/actor.tsx'

const SHOWN = 8

/** The latest entries of the audit log. */
export function RecentActivity() {
  const { t } = useTranslation('console')
  const list = useList('audit_logs', '/api/audit-logs', { query: { limit: SHOWN } })
  return (
    <Card
      title={t('overview.activity')}
      actions={
        <Link to="/audit-logs" className="text-sm font-medium text-accent-text hover:underline">
          {t('overview.allActivity')}
        </Link>
      }
    >
      <Loaded query={list.query} loading={<Skeleton rows={SHOWN} />}>
        {(entries) =>
          entries.length === 0 ? (
            <State
              icon="log"
              title={t('overview.noActivity')}
              text={t('overview.noActivityText')}
            />
          ) : (
            <ul className="mt-3 border-t border-line">
              {entries.map((it) => (
                <li
                  key={it.id}
                  className="flex items-baseline gap-3 border-b border-line px-5 py-2.5 last:border-0 sm:px-6"
                >
                  <span className="min-w-0 flex-1 truncate">
                    <span className="font-medium">{actText(it.action)}</span>
                    <span className="text-muted">
                      {' · '}
                      <Actor id={it.actor_id} />
                    </span>
                  </span>
                  <span className="text-sm text-muted">
                    <Time at={it.created_at} />
                  </span>
                </li>
              ))}
            </ul>
          )
        }
      </Loaded>
    </Card>
  )
}
