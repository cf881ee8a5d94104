import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { api } from '../../api/client.ts'
import { useItem } from '../../api/query.ts'
import type { AccountDeletion } from '../../api/schema.ts'
import { useSession } from '../../session/session.tsx'
import { Button } from '../../ui/button.tsx'
import { Dialog } from '../../ui/dialog.tsx'
import { DialogForm } from '../../ui/form/dialog_form.tsx'
import { PasswordField, TextField } from '../../ui/form/field.tsx'
import { useForm } from '../../ui/form/form.ts'
import { Notice } from '../../ui/form/notice.tsx'
import { Card } from '../../ui/layout.tsx'
import { Loaded, Skeleton } from '../../ui/states.tsx'

/** The way to delete the account, in all workspaces. */
export function DeletionCard() {
  const { t } = useTranslation('console')
  const [isOpen, setOpen] = useState(false)
  return (
    <>
      <Card
        title={t('deletion.title')}
        description={t('deletion.text')}
        actions={
          <Button look="removal" onClick={() => setOpen(true)}>
            {t('deletion.action')}
          </Button>
        }
      />
      {isOpen && <DeletionDialog onClose={() => setOpen(false)} />}
    </>
  )
}

// What it would do is read when the dialog opens: it may have changed since the page did.
function DeletionDialog({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation('console')
  const query = useItem('deletion', '/api/account/deletion')
  return (
    <Dialog keep title={t('deletion.question')} onClose={onClose}>
      <Loaded query={query} loading={<Skeleton rows={3} />}>
        {({ data }) =>
          data.owned_alone > 0 ? (
            <Notice look="warning">{t('deletion.ownedAlone', { count: data.owned_alone })}</Notice>
          ) : (
            <DeletionForm deletion={data} onClose={onClose} />
          )
        }
      </Loaded>
    </Dialog>
  )
}

interface DeletionFormProps {
  deletion: AccountDeletion
  onClose: () => void
}

function DeletionForm({ deletion: { tenants, days }, onClose }: DeletionFormProps) {
  const { t } = useTranslation(['console', 'auth'])
  const { user_email: email } = useSession()
  const form = useForm({
    initial: { typed: '', current_password: '' },
    check: (it) => ({
      ...(!isSame(it.typed, email) && { typed: t('deletion.typeAddress') }),
      ...(it.current_password === '' && { current_password: t('auth:form.required') }),
    }),
    submit: async ({ current_password }) => {
      await api.DELETE('/api/account', { body: { current_password } })
      location.replace('/auth/sign-in?reason=deleted')
    },
  })
  return (
    <DialogForm form={form} look="danger" action={t('deletion.action')} onClose={onClose}>
      <ul className="grid list-disc gap-1.5 ps-5">
        <li>{t('deletion.access', { count: tenants })}</li>
        <li>{t('deletion.erased', { count: days })}</li>
        <li>{t('deletion.stays')}</li>
      </ul>
      <TextField
        label={t('confirm.name', { name: email })}
        autoComplete="off"
        autoCapitalize="none"
        spellCheck={false}
        {...form.text('typed')}
      />
      <PasswordField
        label={t('account.current')}
        autoComplete="current-password"
        {...form.text('current_password')}
      />
    </DialogForm>
  )
}

function isSame(typed: string, email: string): boolean {
  return typed.trim().toLowerCase() === email.toLowerCase()
}
