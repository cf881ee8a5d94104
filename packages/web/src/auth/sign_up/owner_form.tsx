import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { ApiProblem, type components } from 'tenantry-client'
import { api } from '../../api/client.ts'
import { textOf } from '../../api/problem.ts'
import { Button } from '../../ui/button.tsx'
import { PasswordField, TextField } from '../../ui/form/field.tsx'
import { useForm } from '../../ui/form/form.ts'
import { Notice, ProblemNotice } from '../../ui/form/notice.tsx'
import { isWrongCode, type Preview, type Proof } from './code_form.tsx'
import { SubdomainField } from './subdomain_field.tsx'
import { type Installation, suffixOf } from './use_installation.ts'

export type Confirmed = components['schemas']['ConfirmedSignUp']

interface OwnerFormProps {
  id: string
  proof: Proof
  preview: Preview
  installation: Installation
  onConfirmed: (confirmed: Confirmed) => void
  onInvalid: () => void
}

/** The last step: the name and the password of the owner, unless the person has an account. */
export function OwnerForm({ id, proof, preview, installation, ...then }: OwnerFormProps) {
  const { t } = useTranslation('auth')
  const [taken, setTaken] = useState<string>()
  const isNew = preview.account === 'none'
  const form = useForm({
    initial: { full_name: '', password: '', subdomain: preview.subdomain },
    check: (it) => ({
      ...(isNew && it.password === '' && { password: t('form.required') }),
      ...(it.subdomain === '' && { subdomain: t('form.required') }),
    }),
    submit: async ({ full_name, password, subdomain }) => {
      const owner = { password, ...(full_name.trim() !== '' && { full_name: full_name.trim() }) }
      const body = { ...proof, subdomain, ...(isNew && owner) }
      const params = { path: { sign_up_id: id } }
      try {
        const path = '/api/sign-ups/{sign_up_id}/confirmation'
        then.onConfirmed((await api.POST(path, { params, body })).data)
      } catch (error) {
        if (isWrongCode(error)) return then.onInvalid()
        if (!isTaken(error)) throw error
        setTaken(textOf(error))
      }
    },
  })
  return (
    <form {...form.formProps} className="grid gap-4">
      <ProblemNotice problem={form.problem} />
      {/* Password managers store the password under this name. */}
      <input type="email" autoComplete="username" value={preview.email} readOnly hidden />
      {taken === undefined ? (
        <Summary
          name={preview.tenant_name}
          host={`${preview.subdomain}${suffixOf(installation)}`}
        />
      ) : (
        <>
          <Notice look="warning">{taken}</Notice>
          <SubdomainField {...form.text('subdomain')} suffix={suffixOf(installation)} />
        </>
      )}
      {isNew ? (
        <>
          <TextField
            label={t('invitation.name')}
            autoComplete="name"
            autoFocus
            maxLength={200}
            {...form.text('full_name')}
          />
          <PasswordField
            label={t('invitation.password')}
            hint={t('reset.lead')}
            autoComplete="new-password"
            {...form.text('password')}
          />
        </>
      ) : (
        <p className="text-muted">{t('signUp.existing', { email: preview.email })}</p>
      )}
      <Button type="submit" look="primary" size="lg" busy={form.busy} className="mt-1 w-full">
        {t('signUp.create')}
      </Button>
    </form>
  )
}

function isTaken(error: unknown): boolean {
  return error instanceof ApiProblem && ['subdomain.taken', 'tenant.exists'].includes(error.code)
}

function Summary({ name, host }: { name: string; host: string }) {
  return (
    <div className="flex min-w-0 items-center gap-3 rounded-lg bg-sunken px-3.5 py-3 ring-1 ring-line ring-inset">
      <span
        aria-hidden="true"
        className="grid size-9 shrink-0 place-items-center rounded-lg bg-accent-soft font-semibold text-accent-text"
      >
        {Array.from(name)[0]}
      </span>
      <span className="grid min-w-0">
        <span className="truncate font-medium" dir="auto">
          {name}
        </span>
        <span className="truncate text-sm text-muted">{host}</span>
      </span>
    </div>
  )
}
