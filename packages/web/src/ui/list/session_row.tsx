import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import type { Session } from '../../api/schema.ts'
import { Badge } from '../badge.tsx'
import { Icon } from '../icons.tsx'
import { Time } from '../layout.tsx'

interface SessionRowProps {
  session: Session
  action?: ReactNode
}

/** Where a person is signed in: the browser, the address and when it was last used. */
export function SessionRow({ session, action }: SessionRowProps) {
  const { t } = useTranslation('console')
  // The API names them in English.
  const [browser = '', system] = session.client.split(' on ')
  const device = system === undefined ? browser : t('account.on', { browser, system })
  return (
    <li className="flex items-center gap-3.5 border-b border-line px-5 py-3 last:border-0 sm:px-6">
      <span className="grid size-8 shrink-0 place-items-center rounded-lg bg-sunken text-muted ring-1 ring-inset ring-line">
        <Icon name="device" />
      </span>
      <div className="min-w-0 flex-1 leading-snug">
        <p className="flex min-w-0 flex-wrap items-center gap-x-2">
          <span className="min-w-0 break-words font-medium" title={session.user_agent}>
            {device || t('account.unknownDevice')}
          </span>
          {session.is_current && <Badge look="accent">{t('account.thisSession')}</Badge>}
        </p>
        <p className="break-words text-sm text-muted">
          {session.domain !== null && `${session.domain} · `}
          {session.address} · {t('account.lastSeen')} <Time at={session.last_seen_at} />
        </p>
      </div>
      {action}
    </li>
  )
}
