import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { api } from '../../api/client.ts'
import { textOf } from '../../api/problem.ts'
import { useItem } from '../../api/query.ts'
import type { Account } from '../../api/schema.ts'
import { Badge } from '../../ui/badge.tsx'
import { Button } from '../../ui/button.tsx'
import { Dialog } from '../../ui/dialog.tsx'
import { DialogForm } from '../../ui/form/dialog_form.tsx'
import { PasswordField, TextField } from '../../ui/form/field.tsx'
import { useForm } from '../../ui/form/form.ts'
import { Card, CardBody } from '../../ui/layout.tsx'
import { Loaded, Skeleton } from '../../ui/states.tsx'
import { toast } from '../../ui/toast.tsx'

/** The e-mail address: whether it is verified, and the way to another one. */
export function AddressCard() {
  const { t } = useTranslation('console')
  const query = useItem('account', '/api/account')
  const [isOpen, setOpen] = useState(false)
  return (
    <Card
      title={t('account.email')}
      description={t('address.text')}
      actions={<Button onClick={() => setOpen(true)}>{t('address.change')}</Button>}
    >
      <CardBody>
        <Loaded query={query} loading={<Skeleton rows={1} />}>
          {({ data }) => <Address account={data} />}
        </Loaded>
      </CardBody>
      {isOpen && <ChangeDialog onClose={() => setOpen(false)} />}
    </Card>
  )
}

function Address({ account: { email, email_verified, email_verification } }: { account: Account }) {
  const { t } = useTranslation('console')
  const form = useForm({
    initial: {},
    submit: async () => {
      try {
        await api.POST('/api/account/email-verification')
        toast(t('address.mailed', { email }))
      } catch (error) {
        toast(textOf(error))
      }
    },
  })
  const isAsked = email_verification !== 'off'
  return (
    <form {...form.formProps} className="flex flex-wrap items-center gap-3">
      <span className="min-w-0 break-words font-medium">{email}</span>
      {isAsked && (
        <Badge look={email_verified ? 'success' : 'warning'}>
          {t(email_verified ? 'address.verified' : 'address.unverified')}
        </Badge>
      )}
      {isAsked && !email_verified && (
        <Button type="submit" busy={form.busy}>
          {t('address.verify')}
        </Button>
      )}
    </form>
  )
}

function ChangeDialog({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation(['console', 'auth'])
  const form = useForm({
    initial: { email: '', current_password: '' },
    check: (it) => ({
      ...(!it.email.includes('@') && { email: t('auth:form.email') }),
      ...(it.current_password === '' && { current_password: t('auth:form.required') }),
    }),
    submit: async ({ email, current_password }) => {
      const body = { email: email.trim(), current_password }
      await api.PUT('/api/account/email', { body })
      toast(t('address.mailed', { email: body.email }))
      onClose()
    },
  })
  return (
    <Dialog
      keep
      title={t('address.change')}
      description={t('address.changeText')}
      onClose={onClose}
    >
      <DialogForm form={form} action={t('address.send')} onClose={onClose}>
        <TextField
          label={t('address.new')}
          type="email"
          inputMode="email"
          autoComplete="email"
          autoCapitalize="none"
          spellCheck={false}
          {...form.text('email')}
        />
        <PasswordField
          label={t('account.current')}
          autoComplete="current-password"
          {...form.text('current_password')}
        />
      </DialogForm>
    </Dialog>
  )
}
