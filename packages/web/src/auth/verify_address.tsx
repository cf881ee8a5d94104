import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { ApiProblem } from 'tenantry-client'
import { api } from '../api/client.ts'
import type { Brand } from '../shell/brand.tsx'
import { buttonClass } from '../ui/button.tsx'
import { DecisiveButton } from '../ui/decisive_button.tsx'
import { useForm } from '../ui/form/form.ts'
import { ProblemNotice } from '../ui/form/notice.tsx'
import { AuthFrame } from './auth_frame.tsx'

interface VerifyAddressProps {
  brand: Brand
  token: string | undefined
  purpose: string | undefined
}

/** Proves an address. Nothing changes before the person clicks: scanners follow links. */
export function VerifyAddress({ brand, token, purpose }: VerifyAddressProps) {
  const { t } = useTranslation('auth')
  const [email, setEmail] = useState<string>()
  const [isInvalid, setInvalid] = useState(false)
  const isChange = purpose === 'change'
  const next = (
    <a href="/account" className={buttonClass({ look: 'primary', size: 'lg' })}>
      {t(isChange ? 'verify.signIn' : 'verify.account')}
    </a>
  )
  if (email !== undefined) {
    const lead = t(isChange ? 'verify.changed' : 'verify.verified', { email })
    return <AuthFrame key="done" {...{ brand, lead }} title={t('verify.done')} content={next} />
  }
  if (token === undefined || isInvalid) {
    const lead = t('verify.invalid')
    return (
      <AuthFrame key="no" {...{ brand, lead }} title={t('reset.invalidTitle')} content={next} />
    )
  }
  return (
    <AuthFrame
      key="ask"
      brand={brand}
      title={t(isChange ? 'verify.changeTitle' : 'verify.title')}
      lead={t(isChange ? 'verify.changeLead' : 'verify.lead')}
      content={
        <ConfirmForm
          {...{ token, isChange }}
          onDone={setEmail}
          onInvalid={() => setInvalid(true)}
        />
      }
    />
  )
}

interface ConfirmFormProps {
  token: string
  isChange: boolean
  onDone: (email: string) => void
  onInvalid: () => void
}

function ConfirmForm({ token, isChange, onDone, onInvalid }: ConfirmFormProps) {
  const { t } = useTranslation('auth')
  const form = useForm({
    initial: {},
    submit: async () => {
      const path = isChange ? '/api/email-changes' : '/api/email-verifications'
      try {
        const { data } = await api.POST(path, { body: { token } })
        onDone(data.email)
      } catch (error) {
        if (error instanceof ApiProblem && error.code === 'token.invalid') return onInvalid()
        throw error
      }
    },
  })
  return (
    <form {...form.formProps} className="grid gap-4">
      <ProblemNotice problem={form.problem} />
      <DecisiveButton type="submit" look="primary" size="lg" busy={form.busy}>
        {t(isChange ? 'verify.change' : 'verify.submit')}
      </DecisiveButton>
    </form>
  )
}
