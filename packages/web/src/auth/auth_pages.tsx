import { lazy, Suspense, useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { Brand } from '../shell/brand.tsx'
import { AuthFrame } from './auth_frame.tsx'
import { ForgotPassword } from './forgot_password.tsx'
import { NoSuchPage } from './no_such_page.tsx'
import { ResetPassword } from './reset_password.tsx'
import { SignIn } from './sign_in_page.tsx'
import { VerifyAddress } from './verify_address.tsx'

// Few people need them, and not often.
const SignUp = lazy(async () => {
  const page = await import('./sign_up/sign_up_page.tsx')
  return { default: page.SignUp }
})

const AcceptInvitation = lazy(async () => {
  const page = await import('./accept_invitation.tsx')
  return { default: page.AcceptInvitation }
})

const FindWorkspace = lazy(async () => {
  const page = await import('./find_workspace.tsx')
  return { default: page.FindWorkspace }
})

const Switch = lazy(async () => {
  const page = await import('./switch/switch_page.tsx')
  return { default: page.Switch }
})

interface AuthPagesProps {
  brand: Brand
  /** The secret of a mailed link. */
  token: string | undefined
  /** What it is for, where a page serves several. */
  purpose: string | undefined
  /** What it belongs to, where that is no secret. */
  id: string | undefined
}

/** The page of the address. These pages are few and full loads, so they need no router. */
export function AuthPages({ brand, token, purpose, id }: AuthPagesProps) {
  const { t } = useTranslation('auth')
  const [name] = useState(() => location.pathname.replace(/\/$/, '').split('/').at(-1))
  if (name === 'sign-in' || name === 'auth') {
    const form = { title: t('signIn.title'), content: <SignIn /> }
    return <AuthFrame brand={brand} {...form} findsOthers hasNotice />
  }
  if (name === 'forgot-password') return <ForgotPassword brand={brand} />
  if (name === 'reset-password') return <ResetPassword brand={brand} token={token} />
  if (name === 'verify') return <VerifyAddress {...{ brand, token, purpose }} />
  if (name === 'accept-invitation') {
    const waiting = { brand, title: t('invitation.title'), lead: t('form.loading'), content: null }
    return (
      <Suspense fallback={<AuthFrame {...waiting} />}>
        <AcceptInvitation brand={brand} token={token} />
      </Suspense>
    )
  }
  if (name === 'find-workspace') {
    const waiting = { brand, title: t('find.title'), lead: t('form.loading'), content: null }
    return (
      <Suspense fallback={<AuthFrame {...waiting} isOfInstallation />}>
        <FindWorkspace brand={brand} />
      </Suspense>
    )
  }
  if (name === 'sign-up' || name === 'switch') {
    const title = t(name === 'sign-up' ? 'signUp.title' : 'switch.title')
    const waiting = { brand, title, lead: t('form.loading'), content: null }
    return (
      <Suspense fallback={<AuthFrame {...waiting} isOfInstallation />}>
        {name === 'sign-up' ? <SignUp {...{ brand, id, token }} /> : <Switch brand={brand} />}
      </Suspense>
    )
  }
  return <NoSuchPage brand={brand} />
}
