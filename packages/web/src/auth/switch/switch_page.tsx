import i18next from 'i18next'
import { type ReactNode, useEffect, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { ApiProblem, type components } from 'tenantry-client'
import { api } from '../../api/client.ts'
import { textOf } from '../../api/problem.ts'
import { knownText } from '../../i18n/known_text.ts'
import { takeChosen } from '../../session/chosen_workspace.ts'
import { leaveForSignIn } from '../../session/sign_in.ts'
import type { Brand } from '../../shell/brand.tsx'
import { Button, buttonClass } from '../../ui/button.tsx'
import { AuthFrame } from '../auth_frame.tsx'
import { takeReceipt } from './receipt.ts'

type Workspace = components['schemas']['OwnTenants']['items'][number]

/** What this page has to do, by its address. */
type Task =
  | { is: 'begin'; from: string }
  | { is: 'hand over'; to: string; challenge: string }
  | { is: 'failed'; code: string }
  | { is: 'nothing' }

/** What the person has to decide, or what has failed. Undefined: the browser is on its way. */
type Shown =
  | { to: Workspace; email: string; challenge: string; isChosen: boolean }
  | { problem: string }

// A name under the installation's own domain: no link can lead the browser elsewhere.
const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/

/**
 * Takes a person from one workspace to another without a password. The page of the target begins, and its browser keeps a
 * verifier in a cookie. The page of the source asks the person, unless they have just chosen the target there, and its
 * form leads back to the target, which opens the session: no script sees the code.
 */
export function Switch({ brand }: { brand: Brand }) {
  const { t } = useTranslation('auth')
  const [task] = useState(taskOf)
  const shown = useTask(task)
  const frame = (key: string, title: string, lead: ReactNode, content: ReactNode) => (
    // The page of APP_HOST only passes through.
    <AuthFrame key={key} {...{ brand, title, lead, content }} isOfInstallation={key !== 'choose'} />
  )
  if (shown === undefined) return frame('loading', t('switch.title'), t('form.loading'), null)
  if ('problem' in shown) {
    return frame('failed', t('switch.failed'), shown.problem, <ToSignIn />)
  }
  const { to, email, ...rest } = shown
  const title = t('switch.to', { tenant: to.name })
  const lead = t('switch.as', { email, host: new URL(to.origin).host })
  return frame('choose', title, lead, <HandOver to={to} {...rest} />)
}

function taskOf(): Task {
  const query = new URLSearchParams(location.search)
  const [from, to, challenge, failed] = ['from', 'to', 'challenge', 'problem'].map((it) =>
    query.get(it),
  )
  if (failed) return { is: 'failed', code: failed }
  if (to && challenge && LABEL.test(to)) return { is: 'hand over', to, challenge }
  if (from && LABEL.test(from)) return { is: 'begin', from }
  return { is: 'nothing' }
}

function useTask(task: Task): Shown | undefined {
  const [shown, show] = useState<Shown>()
  const isBegun = useRef(false)
  useEffect(() => {
    // A receipt works once.
    if (isBegun.current) return
    isBegun.current = true
    run(task).then(show, (problem: unknown) => show({ problem: textOf(problem) }))
  }, [task])
  return shown
}

async function run(task: Task): Promise<Shown | undefined> {
  if (task.is === 'begin') return begin(task.from)
  if (task.is === 'failed') {
    const text = knownText(`problems.${task.code.replaceAll('.', '_')}`)
    return { problem: text ?? i18next.t('auth:error.title') }
  }
  if (task.is === 'hand over') {
    const receipt = takeReceipt(task.to)
    if (receipt === undefined) return choose(task)
    const body = { to: receipt.tenantId, receipt: receipt.receipt, challenge: task.challenge }
    location.replace((await api.POST('/api/sign-up-receipts', { body })).data.url)
    return undefined
  }
  throw new Error('the address names no workspace')
}

async function begin(from: string): Promise<undefined> {
  const { subdomain, tenant_origin, app_origin } = (await api.GET('/api/branding')).data
  const origin = from === 'sign-up' ? app_origin : tenant_origin.replace('{tenant}', from)
  const { challenge } = (await api.POST('/api/hand-over-challenges', { body: { from } })).data
  location.replace(`${origin}/auth/switch?${new URLSearchParams({ to: subdomain, challenge })}`)
}

async function choose({
  to,
  challenge,
}: {
  to: string
  challenge: string
}): Promise<Shown | undefined> {
  try {
    const { user_email: email } = (await api.GET('/api/auth/me')).data
    const { items } = (await api.GET('/api/account/tenants')).data
    const found = items.find((it) => it.subdomain === to)
    if (found === undefined) throw new Error('the person is no member there')
    return { to: found, email, challenge, isChosen: takeChosen(to) }
  } catch (problem) {
    if (!(problem instanceof ApiProblem) || problem.status !== 401) throw problem
    leaveForSignIn()
    return undefined
  }
}

// A form and no fetch: a script could use the code of the reply in another browser.
function HandOver(props: { to: Workspace; challenge: string; isChosen: boolean }) {
  const { to, challenge, isChosen } = props
  const { t } = useTranslation('auth')
  const [isSent, setSent] = useState(false)
  const form = useRef<HTMLFormElement>(null)
  useEffect(() => {
    if (isChosen) form.current?.requestSubmit()
  }, [isChosen])
  return (
    <form
      ref={form}
      method="post"
      action="/api/hand-overs"
      onSubmit={() => setSent(true)}
      className="grid gap-4"
    >
      <input type="hidden" name="to" value={to.id} />
      <input type="hidden" name="challenge" value={challenge} />
      <Button type="submit" look="primary" size="lg" busy={isSent} autoFocus>
        {t('signUp.continue')}
      </Button>
      <a href="/console" className="text-center font-medium text-accent-text hover:underline">
        {t('switch.stay')}
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
