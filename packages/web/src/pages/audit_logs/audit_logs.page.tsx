import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useList } from '../../api/query.ts'
import type { AuditLog } from '../../api/schema.ts'
import { useFilters } from '../../shell/filters.ts'
import { Button } from '../../ui/button.tsx'
import { Card, PageHeader, Time } from '../../ui/layout.tsx'
import { type Column, More, Table } from '../../ui/list/table.tsx'
import { Loaded, State } from '../../ui/states.tsx'
import { actText } from './act_text.ts'
import { Actor } from './actor.tsx'
import { EntryDialog } from './entry_dialog.tsx'
import { ActFilter, MemberFilter } from './log_filters.tsx'

/** What was changed in the tenant, newest first. */
export function Page() {
  const { t } = useTranslation('console')
  const [{ action = '', actor_id = '' }, change] = useFilters()
  const list = useList('audit_logs', '/api/audit-logs', { query: { action, actor_id } })
  const [opened, open] = useState<AuditLog>()
  const columns = columnsOf(t)
  const isFiltered = action !== '' || actor_id !== ''
  return (
    <>
      <PageHeader title={t('auditLogs.title')} description={t('auditLogs.lead')} />
      <Card>
        <search className="flex flex-wrap gap-2 border-b border-line p-3 sm:flex-nowrap sm:px-4">
          <ActFilter value={action} onChange={(value) => change({ action: value })} />
          <MemberFilter value={actor_id} onChange={(value) => change({ actor_id: value })} />
        </search>
        <Loaded query={list.query}>
          {(entries) =>
            entries.length === 0 ? (
              <NoEntries
                isFiltered={isFiltered}
                clear={() => change({ action: '', actor_id: '' })}
              />
            ) : (
              <>
                <Table
                  label={t('auditLogs.title')}
                  columns={columns}
                  rows={entries}
                  rowKey={(it) => it.id}
                  onOpen={open}
                />
                <More {...list} count={entries.length} />
              </>
            )
          }
        </Loaded>
      </Card>
      {opened !== undefined && <EntryDialog entry={opened} onClose={() => open(undefined)} />}
    </>
  )
}

type Translate = ReturnType<typeof useTranslation<'console'>>['t']

function columnsOf(t: Translate): Column<AuditLog>[] {
  return [
    {
      key: 'action',
      title: t('auditLogs.what'),
      className: 'max-w-0 w-full @2xl:w-[34%]',
      cell: (it) => (
        <span className="block min-w-0 leading-snug">
          <span className="block break-words font-medium">{actText(it.action)}</span>
          <span className="block truncate text-sm text-muted">
            <span className="@2xl:hidden">
              <Actor id={it.actor_id} />
            </span>
            <span className="@max-2xl:hidden">{actText(it.action) !== it.action && it.action}</span>
          </span>
        </span>
      ),
    },
    {
      key: 'actor',
      title: t('auditLogs.actor'),
      wide: true,
      className: 'max-w-0 w-[26%]',
      cell: (it) => (
        <span className="block truncate">
          <Actor id={it.actor_id} />
        </span>
      ),
    },
    {
      key: 'address',
      title: t('auditLogs.address'),
      wide: true,
      className: 'text-sm text-muted tabular-nums',
      cell: (it) => it.address,
    },
    {
      key: 'time',
      title: t('auditLogs.time'),
      end: true,
      className: 'text-sm text-muted',
      cell: (it) => <Time at={it.created_at} />,
    },
  ]
}

function NoEntries({ isFiltered, clear }: { isFiltered: boolean; clear: () => void }) {
  const { t } = useTranslation('console')
  if (!isFiltered)
    return <State icon="log" title={t('auditLogs.none')} text={t('auditLogs.noneText')} />
  return (
    <State
      icon="search"
      title={t('list.noMatch')}
      text={t('auditLogs.noMatch')}
      action={<Button onClick={clear}>{t('list.clear')}</Button>}
    />
  )
}
