import { type ReactNode, useEffect, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { ApiProblem } from 'tenantry-client'
import { textOf } from '../../api/problem.ts'
import type { Brand } from '../../shell/brand.tsx'
import { Button, buttonClass } from '../../ui/button.tsx'
import { AuthFrame } from '../auth_frame.tsx'
import { NoSuchPage } from '../no_such_page.tsx'
import { keepReceipt } from '../switch/receipt.ts'
import { CodeForm, isWrongCode, type Preview, type Proof, previewSignUp } from './code_form.tsx'
import { type Confirmed, OwnerForm } from './owner_form.tsx'
import { type Started, StartForm, type Wanted } from './start_form.tsx'
import { type Installation, suffixOf, useInstallation } from './use_installation.ts'

interface SignUpProps {
  brand: Brand
  /** The sign-up and the secret of a mailed link. */
  id: string | undefined
  token: string | undefined
}

/** Where a person is on the way to a workspace. */
type Step =
  | { at: 'start' }
  | { at: 'code'; started: Started }
  | { at: 'owner'; id: string; proof: Proof; preview: Preview }
  | { at: 'done'; confirmed: Confirmed }
  | { at: 'invalid' }
  | { at: 'failed'; problem: unknown }

/** Creates a workspace: what it is called, the code of a mail, and its owner. */
export function SignUp({ brand, id, token }: SignUpProps) {
  const { t } = useTranslation('auth')
  const { installation, problem } = useInstallation()
  if (problem instanceof ApiProblem && problem.status === 404) return <NoSuchPage brand={brand} />
  const frame = (title: string, lead: string, content: ReactNode) => (
    <AuthFrame brand={brand} title={title} lead={lead} content={content} isOfInstallation />
  )
  if (problem !== undefined) return frame(t('error.title'), textOf(problem), null)
  if (installation === undefined) return frame(t('signUp.title'), t('form.loading'), null)
  if (!installation.sign_up) {
    return frame(t('signUp.closedTitle'), t('signUp.closed'), <ToOwnWorkspace />)
  }
  return <Steps {...{ brand, id, token, installation }} />
}

const nothing: Wanted = { email: '', tenant_name: '', subdomain: '', accepts_terms: false }

function Steps({ brand, id, token, installation }: SignUpProps & { installation: Installation }) {
  const { t } = useTranslation('auth')
  const [wanted, setWanted] = useState(nothing)
  const [step, go] = useStep(id, token)
  const frame = (
    at: string,
    number: number,
    title: string,
    lead: ReactNode,
    content: ReactNode,
  ) => (
    <AuthFrame
      key={at}
      brand={brand}
      title={title}
      lead={lead}
      content={content}
      below={number > 0 && <Below number={number} />}
      isOfInstallation
    />
  )
  const restart = <Button onClick={() => go({ at: 'start' })}>{t('signUp.restart')}</Button>
  if (step === undefined) return frame('loading', 0, t('signUp.title'), t('form.loading'), null)
  if (step.at === 'failed')
    return frame('failed', 0, t('error.title'), textOf(step.problem), restart)
  if (step.at === 'invalid') {
    return frame('invalid', 0, t('reset.invalidTitle'), t('signUp.invalid'), restart)
  }
  if (step.at === 'start') {
    const begin = (started: Started) => {
      setWanted(started)
      go({ at: 'code', started })
    }
    const form = <StartForm {...{ installation, initial: wanted }} onStarted={begin} />
    return frame('start', 1, t('signUp.title'), t('signUp.lead', { app: installation.name }), form)
  }
  if (step.at === 'code') {
    const { started } = step
    const lead = (
      <>
        {t('signUp.mailed', { email: started.email })}{' '}
        <button
          type="button"
          onClick={() => go({ at: 'start' })}
          className="font-medium text-accent-text hover:underline"
        >
          {t('signUp.change')}
        </button>
      </>
    )
    const form = (
      <CodeForm
        started={started}
        onProven={(proof, preview) => go({ at: 'owner', id: started.id, proof, preview })}
        onRestarted={(it) => go({ at: 'code', started: it })}
      />
    )
    return frame('code', 2, t('forgot.sentTitle'), lead, form)
  }
  if (step.at === 'owner') {
    const title = t(step.preview.account === 'none' ? 'signUp.ownerTitle' : 'signUp.createTitle')
    const form = (
      <OwnerForm
        {...step}
        installation={installation}
        onConfirmed={(confirmed) => {
          const { tenant, receipt } = confirmed
          if (receipt === null) return go({ at: 'done', confirmed })
          keepReceipt({ tenantId: tenant.id, subdomain: tenant.subdomain, receipt })
          location.assign(`${tenant.origin}/auth/switch?from=sign-up`)
        }}
        onInvalid={() => go({ at: 'invalid' })}
      />
    )
    return frame('owner', 3, title, t('signUp.ownerLead'), form)
  }
  const { tenant } = step.confirmed
  const lead = t('signUp.done', { host: `${tenant.subdomain}${suffixOf(installation)}` })
  return frame(
    'done',
    0,
    t('signUp.doneTitle', { name: tenant.name }),
    lead,
    <ToTenant {...tenant} />,
  )
}

function Below({ number }: { number: number }) {
  const { t } = useTranslation('auth')
  return (
    <div className="grid justify-items-center gap-2">
      <p>{t('signUp.step', { number, all: 3 })}</p>
      {number === 1 && <ToOwnWorkspace />}
    </div>
  )
}

function ToOwnWorkspace() {
  const { t } = useTranslation('auth')
  return (
    <a href="/auth/find-workspace" className="font-medium text-accent-text hover:underline">
      {t('find.link')}
    </a>
  )
}

/** The step, which begins with the last one for a person who opens the link of the mail. */
function useStep(id: string | undefined, token: string | undefined) {
  const isLink = id !== undefined && token !== undefined
  const [step, go] = useState<Step | undefined>(isLink ? undefined : { at: 'start' })
  useEffect(() => {
    if (id === undefined || token === undefined) return
    previewSignUp(id, { token }).then(
      (preview) => go({ at: 'owner', id, proof: { token }, preview }),
      (problem: unknown) =>
        go(isWrongCode(problem) ? { at: 'invalid' } : { at: 'failed', problem }),
    )
  }, [id, token])
  return [step, go] as const
}

function ToTenant({ origin }: { origin: string }) {
  const { t } = useTranslation('auth')
  return (
    <a href={`${origin}/auth/sign-in`} className={buttonClass({ look: 'primary', size: 'lg' })}>
      {t('signUp.open')}
    </a>
  )
}
