import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { ApiProblem } from 'tenantry-client'
import { api } from '../api/client.ts'
import type { Brand } from '../shell/brand.tsx'
import { Button, buttonClass } from '../ui/button.tsx'
import { PasswordField } from '../ui/form/field.tsx'
import { useForm } from '../ui/form/form.ts'
import { ProblemNotice } from '../ui/form/notice.tsx'
import { AuthFrame } from './auth_frame.tsx'

/** Chooses a new password with the token of a reset link. */
export function ResetPassword({ brand, token }: { brand: Brand; token: string | undefined }) {
  const { t } = useTranslation('auth')
  const [isInvalid, setInvalid] = useState(token === undefined)
  if (isInvalid || token === undefined) {
    return (
      <AuthFrame
        key="invalid"
        brand={brand}
        title={t('reset.invalidTitle')}
        lead={t('reset.invalid')}
        content={
          <a href="/auth/forgot-password" className={buttonClass({ look: 'primary', size: 'lg' })}>
            {t('reset.request')}
          </a>
        }
      />
    )
  }
  return (
    <AuthFrame
      key="form"
      brand={brand}
      title={t('reset.title')}
      lead={t('reset.consequence')}
      content={<NewPasswordForm token={token} onInvalid={() => setInvalid(true)} />}
    />
  )
}

function NewPasswordForm({ token, onInvalid }: { token: string; onInvalid: () => void }) {
  const { t } = useTranslation('auth')
  const form = useForm({
    initial: { new_password: '' },
    check: (it) => (it.new_password === '' ? { new_password: t('form.required') } : {}),
    submit: async (values) => {
      try {
        await api.POST('/api/auth/reset-password', { body: { token, ...values } })
      } catch (error) {
        if (error instanceof ApiProblem && error.code === 'token.invalid') return onInvalid()
        throw error
      }
      location.replace('/auth/sign-in?reason=password-changed')
    },
  })
  return (
    <form {...form.formProps} className="grid gap-4">
      <ProblemNotice problem={form.problem} />
      <PasswordField
        label={t('reset.new')}
        hint={t('reset.lead')}
        autoComplete="new-password"
        autoFocus
        {...form.text('new_password')}
      />
      <Button type="submit" look="primary" size="lg" busy={form.busy}>
        {t('reset.submit')}
      </Button>
    </form>
  )
}
