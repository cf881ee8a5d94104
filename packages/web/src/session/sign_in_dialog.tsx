import { useQueryClient } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { api, onSessionEnd } from '../api/client.ts'
import type { Me } from '../api/schema.ts'
import { Button, buttonClass } from '../ui/button.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { toastProblem } from '../ui/toast.tsx'
import { CredentialsForm } from './credentials_form.tsx'
import { leaveForSignIn } from './sign_in.ts'

/**
 * Asks for the password when the session ends while a page is open, so that what was typed stays. Requests
 * that came meanwhile wait, and are sent again under the new session.
 */
export function SignInDialog() {
  const { t } = useTranslation(['console', 'auth'])
  const [waiting, setWaiting] = useState<(() => void)[]>([])
  const client = useQueryClient()
  const me = client.getQueryData<Me>(['me'])
  useEffect(() => {
    onSessionEnd(() => {
      // Nothing is on the page yet that could be lost.
      if (client.getQueryData(['me']) === undefined) leaveForSignIn()
      return new Promise((resolve) => setWaiting((before) => [...before, resolve]))
    })
  }, [client])
  if (waiting.length === 0 || me === undefined) return null
  const onSignedIn = async () => {
    const now = await api.GET('/api/auth/me')
    // Another person has signed in in another tab: the page shows what was theirs.
    if (now.data.id !== me.id) location.reload()
    client.setQueryData(['me'], now.data)
    setWaiting([])
    for (const resolve of waiting) resolve()
  }
  return (
    <Dialog
      keep
      title={t('sessionEnded.title')}
      description={t(me.sign_in_origin === null ? 'sessionEnded.text' : 'sessionEnded.otherTab')}
      onClose={leaveForSignIn}
      footer={<Button onClick={leaveForSignIn}>{t('sessionEnded.leave')}</Button>}
    >
      {me.sign_in_origin === null ? (
        <CredentialsForm email={me.user_email} onSignedIn={onSignedIn} />
      ) : (
        <div className="flex flex-wrap gap-2">
          <a
            href="/auth/sign-in"
            target="_blank"
            className={buttonClass({ look: 'primary' })}
            rel="noopener"
          >
            {t('auth:signIn.submit')}
          </a>
          <Button onClick={() => void onSignedIn().catch(toastProblem)}>
            {t('auth:signUp.continue')}
          </Button>
        </div>
      )}
    </Dialog>
  )
}
