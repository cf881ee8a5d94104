import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { CredentialsForm } from '../session/credentials_form.tsx'
import { safeNext } from '../session/sign_in.ts'
import { Notice } from '../ui/form/notice.tsx'

/** Why a person is at the sign-in page. */
export const signInReasons = {
  'signed-out': 'signIn.signedOut',
  'password-changed': 'signIn.passwordChanged',
  left: 'signIn.left',
  deleted: 'signIn.deleted',
} as const

export type SignInReason = keyof typeof signInReasons

export function isReason(text: string | null): text is SignInReason {
  return text !== null && Object.hasOwn(signInReasons, text)
}

/** E-mail address and password; then on to where the person wanted to go. */
export function SignIn() {
  const { t } = useTranslation('auth')
  const [query] = useState(() => new URLSearchParams(location.search))
  const reason = query.get('reason')
  return (
    <>
      {isReason(reason) && <Notice look="success">{t(signInReasons[reason])}</Notice>}
      <CredentialsForm
        action={
          <a
            href="/auth/forgot-password"
            className="text-sm font-medium text-accent-text hover:underline"
          >
            {t('signIn.forgot')}
          </a>
        }
        onSignedIn={() => location.replace(safeNext(query.get('next')))}
      />
    </>
  )
}
