import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { api } from '../../api/client.ts'
import { useWhole } from '../../api/query.ts'
import { useRefresh } from '../../api/query_client.ts'
import type { Domain } from '../../api/schema.ts'
import { useSession } from '../../session/session.tsx'
import { Button } from '../../ui/button.tsx'
import { Dialog } from '../../ui/dialog.tsx'
import { DialogForm } from '../../ui/form/dialog_form.tsx'
import { TextField } from '../../ui/form/field.tsx'
import { useForm } from '../../ui/form/form.ts'
import { Card, PageHeader } from '../../ui/layout.tsx'
import { Loaded, State } from '../../ui/states.tsx'
import { DomainCard } from './domain_card.tsx'
import { useCheck } from './use_check.ts'

/** The custom domains of the tenant, and the records that prove them. */
export function Page() {
  const { t } = useTranslation('console')
  const { can } = useSession()
  const [adding, setAdding] = useState(false)
  const query = useWhole('domains', '/api/domains')
  const add = can('domains:create') && (
    <Button look="primary" icon="plus" onClick={() => setAdding(true)}>
      {t('domains.add')}
    </Button>
  )
  return (
    <>
      <PageHeader title={t('domains.title')} description={t('domains.lead')} actions={add} />
      <Loaded query={query}>{(domains) => <List domains={domains} />}</Loaded>
      {adding && <AddDialog onClose={() => setAdding(false)} />}
    </>
  )
}

function List({ domains }: { domains: readonly Domain[] }) {
  const { t } = useTranslation('console')
  if (domains.length === 0) {
    return (
      <Card>
        <State icon="globe" title={t('domains.none')} text={t('domains.noneText')} />
      </Card>
    )
  }
  return (
    <ul className="grid gap-4">
      {domains.map((it) => (
        <li key={it.id}>
          <DomainCard domain={it} />
        </li>
      ))}
    </ul>
  )
}

function AddDialog({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation('console')
  const refresh = useRefresh()
  const { untilChecked } = useCheck()
  const form = useForm({
    initial: { name: '' },
    submit: async ({ name }) => {
      const { data } = await api.POST('/api/domains', { body: { name: name.trim() } })
      onClose()
      await refresh('domains', 'setup')
      // Its first check runs now.
      await untilChecked(data)
      await refresh('domains')
    },
  })
  return (
    <Dialog keep title={t('domains.add')} description={t('domains.addText')} onClose={onClose}>
      <DialogForm form={form} action={t('domains.add')} onClose={onClose}>
        <TextField
          label={t('domains.name')}
          hint={t('domains.nameHint')}
          inputMode="url"
          autoComplete="off"
          autoCapitalize="none"
          spellCheck={false}
          {...form.text('name')}
        />
      </DialogForm>
    </Dialog>
  )
}
