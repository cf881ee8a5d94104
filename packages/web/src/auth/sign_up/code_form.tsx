import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { ApiProblem, type components } from 'tenantry-client'
import { api } from '../../api/client.ts'
import { Button } from '../../ui/button.tsx'
import { TextField } from '../../ui/form/field.tsx'
import { useForm } from '../../ui/form/form.ts'
import { Notice, ProblemNotice } from '../../ui/form/notice.tsx'
import { type Started, startSignUp } from './start_form.tsx'

export type Preview = components['schemas']['SignUpPreview']

/** What proves the mailbox: the code that was typed, or the token of the link. */
export type Proof = { code: string } | { token: string }

interface CodeFormProps {
  started: Started
  onProven: (proof: Proof, preview: Preview) => void
  /** Another mail was sent, with another code. */
  onRestarted: (started: Started) => void
}

/** The second step: the code of the mail. */
export function CodeForm({ started, onProven, onRestarted }: CodeFormProps) {
  const { t, i18n } = useTranslation('auth')
  const [isResent, setResent] = useState(false)
  const form = useForm({
    initial: { code: '' },
    check: ({ code }) => (/^\d{6}$/.test(code) ? {} : { code: t('signUp.sixDigits') }),
    submit: async ({ code }) => onProven({ code }, await previewSignUp(started.id, { code })),
  })
  const again = useForm({
    initial: {},
    submit: async () => {
      onRestarted({ ...started, id: await startSignUp(started, i18n.language) })
      form.set('code', '')
      form.clearProblem()
      setResent(true)
    },
  })
  return (
    <>
      {isResent && <Notice look="success">{t('signUp.resent')}</Notice>}
      <ProblemNotice problem={again.problem} />
      <form {...form.formProps} className="grid gap-4">
        {isWrongCode(form.problem) ? (
          <Notice look="danger">{t('signUp.wrongCode')}</Notice>
        ) : (
          <ProblemNotice problem={form.problem} />
        )}
        <TextField
          label={t('signUp.code')}
          inputMode="numeric"
          autoComplete="one-time-code"
          maxLength={11}
          autoFocus
          style={{ fontVariantNumeric: 'tabular-nums', letterSpacing: '0.3em' }}
          {...form.text('code')}
          onChange={(it) => form.set('code', it.replaceAll(/\D/g, '').slice(0, 6))}
        />
        <Button type="submit" look="primary" size="lg" busy={form.busy} className="w-full">
          {t('signUp.confirm')}
        </Button>
      </form>
      <form {...again.formProps} className="grid justify-center">
        <Button type="submit" look="ghost" busy={again.busy}>
          {t('signUp.resend')}
        </Button>
      </form>
    </>
  )
}

/** What the sign-up will create. */
export async function previewSignUp(sign_up_id: string, proof: Proof): Promise<Preview> {
  const params = { path: { sign_up_id } }
  return (await api.POST('/api/sign-ups/{sign_up_id}/preview', { params, body: proof })).data
}

/** Is the code or the link wrong, used or expired? */
export function isWrongCode(problem: unknown): boolean {
  return problem instanceof ApiProblem && problem.code === 'token.invalid'
}
