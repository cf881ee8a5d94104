import { type ReactNode, useEffect, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { ApiProblem, type components } from 'tenantry-client'
import { api } from '../api/client.ts'
import { textOf } from '../api/problem.ts'
import type { Brand } from '../shell/brand.tsx'
import { Button, buttonClass } from '../ui/button.tsx'
import { DecisiveButton } from '../ui/decisive_button.tsx'
import { PasswordField, TextField } from '../ui/form/field.tsx'
import { useForm } from '../ui/form/form.ts'
import { ProblemNotice } from '../ui/form/notice.tsx'
import { AuthFrame } from './auth_frame.tsx'

type Preview = components['schemas']['InvitationPreview']

interface AcceptInvitationProps {
  brand: Brand
  token: string | undefined
}

/** Shows what an invitation offers. Nothing changes before the person accepts: scanners follow links. */
export function AcceptInvitation({ brand, token }: AcceptInvitationProps) {
  const { t } = useTranslation('auth')
  const { preview, problem, signedInAs, signOut } = useInvitation(token)
  const [isInvalid, setInvalid] = useState(false)
  const frame = (key: string, title: string, lead: ReactNode, content: ReactNode) => (
    <AuthFrame key={key} {...{ brand, title, lead, content }} hasNotice={key === 'form'} />
  )
  if (token === undefined || isInvalid || isInvalidToken(problem)) {
    return frame('invalid', t('invitation.invalidTitle'), t('invitation.invalid'), <ToSignIn />)
  }
  if (problem !== undefined) {
    return frame('failed', t('error.title'), textOf(problem), <Reload />)
  }
  if (preview === undefined) return frame('loading', t('invitation.title'), t('form.loading'), null)
  const { tenant_name: tenant, email } = preview
  const title = t('invitation.join', { tenant })
  if (signedInAs !== undefined && signedInAs.toLowerCase() !== email.toLowerCase()) {
    const lead = t('invitation.other', { email, other: signedInAs })
    return frame('other', title, lead, <SignOut signOut={signOut} />)
  }
  if (signedInAs !== undefined) {
    return frame('member', t('invitation.memberTitle'), t('invitation.member'), <ToConsole />)
  }
  const lead = preview.inviter_name
    ? t('invitation.by', { name: preview.inviter_name, email })
    : t('invitation.for', { email })
  const form = <AcceptForm {...{ preview, token }} onInvalid={() => setInvalid(true)} />
  return frame('form', title, lead, form)
}

function isInvalidToken(problem: unknown): boolean {
  return problem instanceof ApiProblem && problem.code === 'token.invalid'
}

/** The invitation of the token, and the account that the browser is signed in with. */
function useInvitation(token: string | undefined) {
  const [found, setFound] = useState<{ preview?: Preview; problem?: unknown; as?: string }>({})
  useEffect(() => {
    if (token === undefined) return
    Promise.all([api.POST('/api/invitation-previews', { body: { token } }), signedIn()]).then(
      ([{ data }, as]) => setFound({ preview: data, ...(as !== undefined && { as }) }),
      (problem: unknown) => setFound({ problem }),
    )
  }, [token])
  const signOut = async () => {
    await api.signOut()
    setFound(({ as: _ended, ...rest }) => rest)
  }
  return { preview: found.preview, problem: found.problem, signedInAs: found.as, signOut }
}

async function signedIn(): Promise<string | undefined> {
  try {
    return (await api.GET('/api/auth/me')).data.user_email
  } catch (error) {
    if (error instanceof ApiProblem && error.status === 401) return undefined
    throw error
  }
}

function AcceptForm(props: { preview: Preview; token: string; onInvalid: () => void }) {
  const { preview, token, onInvalid } = props
  const { t } = useTranslation('auth')
  const isNew = preview.account !== 'exists'
  const form = useForm({
    initial: { full_name: preview.full_name, password: '' },
    check: (it) => (it.password === '' ? { password: t('form.required') } : {}),
    submit: async ({ full_name, password }) => {
      const name = isNew && full_name.trim() !== '' ? { full_name: full_name.trim() } : {}
      try {
        await api.POST('/api/invitation-acceptances', {
          body: { token, password, ...name, session: 'cookie' },
        })
      } catch (error) {
        if (isInvalidToken(error)) return onInvalid()
        throw error
      }
      location.replace('/console')
    },
  })
  return (
    <form {...form.formProps} className="grid gap-4">
      {preview.message !== '' && (
        <blockquote className="break-words border-l-2 border-line pl-3 text-muted" dir="auto">
          {preview.message}
        </blockquote>
      )}
      <ProblemNotice problem={form.problem} />
      {/* Password managers store the password under this name. */}
      <input type="email" autoComplete="username" value={preview.email} readOnly hidden />
      {isNew && (
        <TextField label={t('invitation.name')} autoComplete="name" {...form.text('full_name')} />
      )}
      <PasswordField
        label={t(isNew ? 'invitation.password' : 'signIn.password')}
        hint={t(isNew ? 'reset.lead' : 'invitation.existing')}
        autoComplete={isNew ? 'new-password' : 'current-password'}
        autoFocus
        {...form.text('password')}
      />
      {/* The browser may have filled the password in. */}
      <DecisiveButton type="submit" look="primary" size="lg" busy={form.busy}>
        {t('invitation.accept')}
      </DecisiveButton>
    </form>
  )
}

function SignOut({ signOut }: { signOut: () => Promise<void> }) {
  const { t } = useTranslation('auth')
  const form = useForm({ initial: {}, submit: signOut })
  return (
    <form {...form.formProps} className="grid gap-4">
      <ProblemNotice problem={form.problem} />
      <Button type="submit" look="primary" size="lg" busy={form.busy}>
        {t('invitation.signOut')}
      </Button>
      <a href="/console" className="text-center font-medium text-accent-text hover:underline">
        {t('invitation.stay')}
      </a>
    </form>
  )
}

function ToSignIn() {
  const { t } = useTranslation('auth')
  return (
    <a href="/auth/sign-in" className={buttonClass({ size: 'lg' })}>
      {t('forgot.back')}
    </a>
  )
}

function ToConsole() {
  const { t } = useTranslation('auth')
  return (
    <a href="/console" className={buttonClass({ look: 'primary', size: 'lg' })}>
      {t('invitation.open')}
    </a>
  )
}

function Reload() {
  const { t } = useTranslation('auth')
  // The token has left the address, so the page cannot be loaded again.
  return <p className="text-muted">{t('invitation.openAgain')}</p>
}
