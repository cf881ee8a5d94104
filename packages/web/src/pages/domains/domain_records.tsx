import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import type { Domain } from '../../api/schema.ts'
import { Button } from '../../ui/button.tsx'
import { toast } from '../../ui/toast.tsx'

/** The records to add at the provider of the DNS: the proof, and where the domain leads. */
export function DomainRecords({ domain }: { domain: Domain }) {
  const { t } = useTranslation('console')
  const { name, record, target } = domain
  return (
    <div className="grid gap-4">
      <p className="text-sm">{t('domains.instruction')}</p>
      <Entry
        title={t('domains.proofRecord')}
        type={record.type}
        name={record.name}
        value={record.value}
      />
      <Entry
        title={t('domains.targetRecord')}
        type="CNAME"
        name={name}
        value={target}
        hint={t('domains.apexHint')}
      />
    </div>
  )
}

interface EntryProps {
  title: string
  type: string
  name: string
  value: string
  hint?: string
}

function Entry({ title, type, name, value, hint }: EntryProps) {
  const { t } = useTranslation('console')
  return (
    <section className="min-w-0 rounded-lg ring-1 ring-line">
      <h3 className="border-b border-line px-4 py-2 text-sm font-medium">
        {title} <code className="text-muted">{type}</code>
      </h3>
      <dl className="grid gap-2 px-4 py-3 text-sm">
        <Value name={t('domains.recordName')} value={name} />
        <Value name={t('domains.recordValue')} value={value} />
      </dl>
      {hint !== undefined && <p className="px-4 pb-3 text-sm text-muted">{hint}</p>}
    </section>
  )
}

function Value({ name, value }: { name: ReactNode; value: string }) {
  const { t } = useTranslation('console')
  const copy = () =>
    navigator.clipboard.writeText(value).then(
      () => toast(t('domains.copied')),
      () => toast(t('domains.notCopied')),
    )
  return (
    <div className="grid min-w-0 gap-x-3 gap-y-0.5 sm:grid-cols-[3.5rem_1fr] sm:items-center">
      <dt className="text-muted">{name}</dt>
      <dd className="flex min-w-0 items-center justify-between gap-3">
        <code className="min-w-0 break-all">{value}</code>
        <Button aria-label={t('domains.copyOf', { value })} onClick={() => void copy()}>
          {t('domains.copy')}
        </Button>
      </dd>
    </div>
  )
}
