import { type ReactNode, useId, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Button } from '../ui/button.tsx'
import { PasswordField, TextField } from '../ui/form/field.tsx'
import { useForm } from '../ui/form/form.ts'
import { Notice, ProblemNotice } from '../ui/form/notice.tsx'
import { signIn } from './sign_in.ts'

interface CredentialsFormProps {
  /** The address of the person whose session has ended: it cannot be changed. */
  email?: string
  /** Beside the label of the password. */
  action?: ReactNode
  onSignedIn: () => void | Promise<void>
}

/** E-mail address and password; then a code that was mailed, where the address has to be verified. */
export function CredentialsForm({ email, action, onSignedIn }: CredentialsFormProps) {
  const { t } = useTranslation('auth')
  const id = useId()
  const [mailedTo, setMailedTo] = useState<string>()
  const form = useForm({
    initial: { email: email ?? '', password: '', email_code: '' },
    check: (it) => ({
      ...(it.email.trim() === '' && { email: t('form.required') }),
      ...(it.password === '' && { password: t('form.required') }),
    }),
    submit: async ({ email_code, ...it }) => {
      const credentials = { ...it, email: it.email.trim() }
      // Without a code, another one is mailed.
      const isIn = await signIn({ ...credentials, ...(email_code && { email_code }) })
      if (isIn) await onSignedIn()
      else setMailedTo(credentials.email)
    },
  })
  return (
    <form {...form.formProps} id={id} className="grid gap-4">
      <ProblemNotice problem={form.problem} />
      <TextField
        label={t('signIn.email')}
        type="email"
        inputMode="email"
        autoComplete="username"
        autoCapitalize="none"
        spellCheck={false}
        autoFocus={email === undefined}
        readOnly={email !== undefined}
        {...form.text('email')}
      />
      <PasswordField
        label={t('signIn.password')}
        autoComplete="current-password"
        autoFocus={email !== undefined}
        action={action}
        {...form.text('password')}
      />
      {mailedTo !== undefined && (
        <>
          <Notice look="warning">{t('code.mailed', { email: mailedTo })}</Notice>
          <TextField
            label={t('code.label')}
            hint={t('code.hint')}
            inputMode="numeric"
            autoComplete="one-time-code"
            autoFocus
            {...form.text('email_code')}
          />
        </>
      )}
      <Button type="submit" look="primary" size="lg" busy={form.busy} className="mt-1 w-full">
        {t('signIn.submit')}
      </Button>
    </form>
  )
}
