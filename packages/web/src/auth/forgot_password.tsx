import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { api } from '../api/client.ts'
import type { Brand } from '../shell/brand.tsx'
import { Button } from '../ui/button.tsx'
import { TextField } from '../ui/form/field.tsx'
import { useForm } from '../ui/form/form.ts'
import { ProblemNotice } from '../ui/form/notice.tsx'
import { AuthFrame } from './auth_frame.tsx'

/** Asks for a reset link. The answer is the same whether an account exists or not. */
export function ForgotPassword({ brand }: { brand: Brand }) {
  const { t } = useTranslation('auth')
  const [sentTo, setSentTo] = useState<string>()
  const back = (
    <a href="/auth/sign-in" className="font-medium text-accent-text hover:underline">
      {t('forgot.back')}
    </a>
  )
  if (sentTo !== undefined) {
    return (
      <AuthFrame
        key="sent"
        brand={brand}
        title={t('forgot.sentTitle')}
        lead={t('forgot.sent', { email: sentTo })}
        content={<Button onClick={() => setSentTo(undefined)}>{t('forgot.again')}</Button>}
        below={back}
      />
    )
  }
  return (
    <AuthFrame
      key="form"
      brand={brand}
      title={t('forgot.title')}
      lead={t('forgot.lead')}
      content={<AddressForm onSent={setSentTo} />}
      below={back}
    />
  )
}

function AddressForm({ onSent }: { onSent: (email: string) => void }) {
  const { t } = useTranslation('auth')
  const form = useForm({
    initial: { email: '' },
    check: ({ email }) => (email.includes('@') ? {} : { email: t('form.email') }),
    submit: async (values) => {
      const email = values.email.trim()
      await api.POST('/api/auth/forgot-password', { body: { email } })
      onSent(email)
    },
  })
  return (
    <form {...form.formProps} className="grid gap-4">
      <ProblemNotice problem={form.problem} />
      <TextField
        label={t('signIn.email')}
        type="email"
        inputMode="email"
        autoComplete="username"
        autoCapitalize="none"
        spellCheck={false}
        autoFocus
        {...form.text('email')}
      />
      <Button type="submit" look="primary" size="lg" busy={form.busy}>
        {t('forgot.submit')}
      </Button>
    </form>
  )
}
