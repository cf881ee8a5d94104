import { type ReactNode, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { ApiProblem } from 'tenantry-client'
import { api } from '../api/client.ts'
import { textOf } from '../api/problem.ts'
import type { Brand } from '../shell/brand.tsx'
import { Button } from '../ui/button.tsx'
import { TextField } from '../ui/form/field.tsx'
import { useForm } from '../ui/form/form.ts'
import { ProblemNotice } from '../ui/form/notice.tsx'
import { AuthFrame } from './auth_frame.tsx'
import { NoSuchPage } from './no_such_page.tsx'
import { useInstallation } from './sign_up/use_installation.ts'

/** Mails a person where their workspaces are. The page is the same whether an account exists or not. */
export function FindWorkspace({ brand }: { brand: Brand }) {
  const { t } = useTranslation('auth')
  const { installation, problem } = useInstallation()
  const [sentTo, setSentTo] = useState<string>()
  if (problem instanceof ApiProblem && problem.status === 404) return <NoSuchPage brand={brand} />
  const below = installation?.sign_up && (
    <a href="/auth/sign-up" className="font-medium text-accent-text hover:underline">
      {t('find.signUp')}
    </a>
  )
  const frame = (key: string, title: string, lead: string, content: ReactNode) => (
    <AuthFrame key={key} {...{ brand, title, lead, content, below }} isOfInstallation />
  )
  if (problem !== undefined) return frame('failed', t('error.title'), textOf(problem), null)
  if (installation === undefined) return frame('form', t('find.title'), t('form.loading'), null)
  if (sentTo === undefined) {
    return frame('form', t('find.title'), t('find.lead'), <AddressForm onSent={setSentTo} />)
  }
  const again = <Button onClick={() => setSentTo(undefined)}>{t('forgot.again')}</Button>
  return frame('sent', t('forgot.sentTitle'), t('find.sent', { email: sentTo }), again)
}

function AddressForm({ onSent }: { onSent: (email: string) => void }) {
  const { t, i18n } = useTranslation('auth')
  const form = useForm({
    initial: { email: '' },
    check: ({ email }) => (email.includes('@') ? {} : { email: t('form.email') }),
    submit: async (values) => {
      const email = values.email.trim()
      await api.POST('/api/tenant-reminders', { body: { email, locale: i18n.language } })
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
        autoComplete="email"
        autoCapitalize="none"
        spellCheck={false}
        autoFocus
        {...form.text('email')}
      />
      <Button type="submit" look="primary" size="lg" busy={form.busy}>
        {t('find.submit')}
      </Button>
    </form>
  )
}
