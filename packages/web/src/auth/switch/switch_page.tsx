import i18next from 'i18next'
import { type ReactNode, useEffect, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { ApiProblem, type components } from 'tenantry-client'
import { api } from '../../api/client.ts'
import { isOffline, textOf } from '../../api/problem.ts'
import { knownText } from '../../i18n/known_text.ts'
import { takeChosen } from '../../session/chosen_workspace.ts'
import { leaveForSignIn, safeNext } from '../../session/sign_in.ts'
import type { Brand } from '../../shell/brand.tsx'
import { Button, buttonClass } from '../../ui/button.tsx'
import { DecisiveButton } from '../../ui/decisive_button.tsx'
import { Notice, ProblemNotice } from '../../ui/form/notice.tsx'
import { AuthFrame } from '../auth_frame.tsx'
import { isReason, type SignInReason, signInReasons } from '../sign_in_page.tsx'
import { takeReceipt } from './receipt.ts'

type Workspace = components['schemas']['OwnTenants']['items'][number]

/** What this page has to do, by its address. */
type Task =
  | { is: 'begin'; from: string; next: string; reason: string | null }
  | { is: 'hand over'; to: string; challenge: string; domain?: string }
  | { is: 'failed'; code: string }
  | { is: 'nothing' }

/** What the person has to decide, or what has failed. Undefined: the browser is on its way. */
type Shown =
  | (Choice & { email: string })
  | { signIn: string; reason: SignInReason; begin: () => Promise<void> }
  | { problem: string }

/** Where the person can go. */
interface Choice {
  to: Workspace
  /** The custom domain of the workspace. Undefined: its subdomain. */
  domain?: string | undefined
  host: string
  challenge: string
  isChosen: boolean
}

// A name under the installation's own domain: no link can lead the browser elsewhere.
const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/

/**
 * Takes a person from one workspace to another, or to a custom domain, without a password. The page of the target begins, and its browser keeps a
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
  if ('signIn' in shown) {
    const { signIn: host } = shown
    const content = <ToSource {...shown} />
    return frame('choose', t('signIn.title'), t('switch.elsewhere', { host }), content)
  }
  const { email, ...choice } = shown
  const { to, domain, host } = choice
  const tenant = to.name
  const lead = t(domain === undefined ? 'switch.as' : 'switch.asAtDomain', { email, host, tenant })
  const title = t('switch.to', { tenant: domain === undefined ? tenant : host })
  return frame('choose', title, lead, <HandOver {...choice} />)
}

function taskOf(): Task {
  const query = new URLSearchParams(location.search)
  const [from, to, challenge, domain, failed] = [
    ...['from', 'to', 'challenge', 'domain', 'problem'].map((it) => query.get(it)),
  ]
  if (failed) return { is: 'failed', code: failed }
  if (to && challenge && LABEL.test(to)) {
    return { is: 'hand over', to, challenge, ...(domain && { domain }) }
  }
  if (from && LABEL.test(from)) {
    const next = safeNext(query.get('next'))
    return { is: 'begin', from, next, reason: query.get('reason') }
  }
  return { is: 'nothing' }
}

function useTask(task: Task): Shown | undefined {
  const [shown, show] = useState<Shown>()
  const isBegun = useRef(false)
  useEffect(() => {
    // A receipt works once.
    if (isBegun.current) return
    isBegun.current = true
    run(task).then(show, (problem: unknown) => show({ problem: failureText(problem) }))
  }, [task])
  return shown
}

// Any other error says that the address asks for what the person does not have.
function failureText(problem: unknown): string {
  const isKnown = problem instanceof ApiProblem || isOffline(problem)
  return isKnown ? textOf(problem) : i18next.t('auth:switch.wrong')
}

async function run(task: Task): Promise<Shown | undefined> {
  if (task.is === 'begin') return begin(task)
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

async function begin({ from, next, reason }: Task & { is: 'begin' }): Promise<Shown | undefined> {
  const { subdomain, tenant_origin, app_origin, sign_in_origin } = await branding()
  const origin = from === 'sign-up' ? app_origin : tenant_origin.replace('{tenant}', from)
  const isAtDomain = sign_in_origin !== null
  const leave = async () => {
    const body = { from, next }
    const { challenge } = (await api.POST('/api/hand-over-challenges', { body })).data
    const wanted = { to: subdomain, challenge, ...(isAtDomain && { domain: location.hostname }) }
    location.replace(`${origin}/auth/switch?${new URLSearchParams(wanted)}`)
  }
  // Who has just signed out must not be signed in again without a click.
  if (isReason(reason)) return { signIn: new URL(origin).host, reason, begin: leave }
  await leave()
  return undefined
}

const branding = async () => (await api.GET('/api/branding')).data

async function choose(task: Task & { is: 'hand over' }): Promise<Shown | undefined> {
  const { to, challenge, domain } = task
  try {
    const { user_email: email } = (await api.GET('/api/auth/me')).data
    const { items } = (await api.GET('/api/account/tenants')).data
    const found = items.find((it) => it.subdomain === to)
    if (found === undefined) throw new Error('the person is no member there')
    // No page names a host that is not the workspace's.
    if (domain !== undefined && !found.domains.includes(domain)) throw new Error('no such domain')
    const url = new URL(found.origin)
    if (domain !== undefined) url.hostname = domain
    return { to: found, domain, host: url.host, email, challenge, isChosen: takeChosen(url.host) }
  } catch (problem) {
    if (!(problem instanceof ApiProblem) || problem.status !== 401) throw problem
    leaveForSignIn()
    return undefined
  }
}

// A form and no fetch: a script could use the code of the reply in another browser.
function HandOver({ to, domain, challenge, isChosen }: Choice) {
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
      {domain !== undefined && <input type="hidden" name="domain" value={domain} />}
      {/* A custom domain may be an attacker's: a key that is held while a link opens this page must not answer it. */}
      <DecisiveButton
        type="submit"
        look="primary"
        size="lg"
        busy={isSent}
        autoFocus={domain === undefined}
      >
        {t('signUp.continue')}
      </DecisiveButton>
      <a href="/console" className="text-center font-medium text-accent-text hover:underline">
        {t('switch.stay')}
      </a>
    </form>
  )
}

function ToSource(props: { signIn: string; reason: SignInReason; begin: () => Promise<void> }) {
  const { t } = useTranslation('auth')
  const [problem, setProblem] = useState<unknown>()
  return (
    <>
      <Notice look="success">{t(signInReasons[props.reason])}</Notice>
      <ProblemNotice problem={problem} />
      <Button look="primary" size="lg" onClick={() => void props.begin().catch(setProblem)}>
        {t('signIn.submit')}
      </Button>
    </>
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
