import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { Version } from '../../api/hooks.ts'
import { useVersion } from '../../api/query.ts'
import type { TenantSettings } from '../../api/schema.ts'
import { Card, PageHeader } from '../../ui/layout.tsx'
import { Loaded, Skeleton } from '../../ui/states.tsx'
import { BrandPreview } from './brand_preview.tsx'
import { LogoCard } from './logo_card.tsx'
import { SettingsForm } from './settings_form.tsx'
import { valuesOf } from './settings_values.ts'

/** What administrators set for all people of the workspace. */
export function Page() {
  const { t } = useTranslation('console')
  const query = useVersion('settings', '/api/tenant')
  const loading = (
    <Card>
      <Skeleton rows={4} />
    </Card>
  )
  return (
    <>
      <PageHeader title={t('settings.title')} description={t('settings.lead')} />
      <Loaded query={query} loading={loading}>
        {(read) => <Settings read={read} reload={() => void query.refetch()} />}
      </Loaded>
    </>
  )
}

function Settings({ read, reload }: { read: Version<TenantSettings>; reload: () => void }) {
  const [draft, setDraft] = useState(() => valuesOf(read.data))
  return (
    <div className="grid items-start gap-6 lg:grid-cols-[minmax(0,1fr)_20rem]">
      <div className="grid min-w-0 gap-6">
        {/* A newer version is another form. A logo that is being uploaded stays where it is. */}
        <SettingsForm key={read.etag} read={read} reload={reload} onDraft={setDraft} />
        <LogoCard />
      </div>
      <BrandPreview {...draft} />
    </div>
  )
}
