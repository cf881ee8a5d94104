import { useTranslation } from 'react-i18next'
import type { AuditLog } from '../../api/schema.ts'
import { Dialog } from '../../ui/dialog.tsx'
import { Facts, Time } from '../../ui/layout.tsx'
import { actText } from './act_text.ts'
import { Actor } from './actor.tsx'

/** All that an entry of the audit log records. */
export function EntryDialog({ entry, onClose }: { entry: AuditLog; onClose: () => void }) {
  const { t } = useTranslation('console')
  const isOfPerson = entry.entity === 'users' || entry.entity === 'members'
  const person = [t('auditLogs.person'), <Actor key="person" id={entry.entity_id} />] as const
  const hasDetails = Object.keys(entry.meta).length > 0
  return (
    <Dialog
      side
      title={actText(entry.action)}
      description={<Time at={entry.created_at} exact />}
      onClose={onClose}
    >
      <div className="grid gap-6">
        <Facts
          items={[
            [t('auditLogs.code'), <Id key="code">{entry.action}</Id>],
            [t('auditLogs.actor'), <Actor key="actor" id={entry.actor_id} />],
            ...(isOfPerson ? [person] : []),
            [t('auditLogs.address'), entry.address || '–'],
            [t('auditLogs.entity'), entry.entity || '–'],
            [t('auditLogs.object'), <Id key="object">{entry.entity_id}</Id>],
            [t('auditLogs.session'), <Id key="session">{entry.session_id ?? ''}</Id>],
            [t('auditLogs.request'), <Id key="request">{entry.request_id}</Id>],
            [t('auditLogs.id'), <Id key="id">{entry.id}</Id>],
          ]}
        />
        {hasDetails && (
          <section className="grid gap-2">
            <h3 className="text-sm font-medium">{t('auditLogs.details')}</h3>
            <pre
              // biome-ignore lint/a11y/noNoninteractiveTabindex: a keyboard can scroll only what has the focus.
              tabIndex={0}
              className="overflow-x-auto rounded-lg bg-sunken p-3 font-mono text-xs leading-relaxed ring-1 ring-inset ring-line"
            >
              {JSON.stringify(entry.meta, undefined, 2)}
            </pre>
          </section>
        )}
      </div>
    </Dialog>
  )
}

function Id({ children }: { children: string }) {
  return <span className="break-all font-mono text-xs">{children || '–'}</span>
}
