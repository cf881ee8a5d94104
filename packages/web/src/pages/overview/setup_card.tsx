import { type ReactNode, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { api } from '../../api/client.ts'
import { useItem } from '../../api/query.ts'
import { useRefresh } from '../../api/query_client.ts'
import type { TenantSetup } from '../../api/schema.ts'
import { useSession } from '../../session/session.tsx'
import { Button, buttonClass, IconButton } from '../../ui/button.tsx'
import { Icon } from '../../ui/icons.tsx'
import { Card } from '../../ui/layout.tsx'
import { Link } from '../../ui/link.tsx'
import { toast, toastProblem } from '../../ui/toast.tsx'
import { InviteDialog } from '../invitations/invite_dialog.tsx'

/** The first steps of a new workspace, until all are done or an administrator hides them. */
export function SetupCard() {
  const { can } = useSession()
  const { data } = useItem('setup', '/api/tenant/setup', { enabled: can('tenant:update') })
  if (data === undefined) return null
  const steps = stepsOf(data.data, can)
  return data.data.is_dismissed || steps.every((it) => it.isDone) ? null : <Steps steps={steps} />
}

type StepName = 'look' | 'people' | 'domain'

interface Step {
  name: StepName
  isDone: boolean
}

/** What the person may do of the first steps. */
function stepsOf(setup: TenantSetup, can: (permission: string) => boolean): Step[] {
  const steps: [StepName, boolean, boolean][] = [
    ['look', setup.has_look, true],
    ['people', setup.has_people, can('invitations:create')],
    ['domain', setup.has_domain, can('domains:create')],
  ]
  return steps.filter(([, , mayDo]) => mayDo).map(([name, isDone]) => ({ name, isDone }))
}

function Steps({ steps }: { steps: readonly Step[] }) {
  const { t } = useTranslation('console')
  const done = steps.filter((it) => it.isDone).length
  return (
    <div className="mb-6">
      <Card
        title={t('setup.title')}
        description={t('setup.lead', { done, all: steps.length })}
        actions={<Dismiss />}
      >
        <progress
          aria-hidden="true"
          value={done}
          max={steps.length}
          className="mx-5 mt-3 block h-1.5 w-[calc(100%-2.5rem)] appearance-none overflow-hidden rounded-full bg-sunken sm:mx-6 sm:w-[calc(100%-3rem)] [&::-moz-progress-bar]:bg-accent [&::-webkit-progress-bar]:bg-sunken [&::-webkit-progress-value]:rounded-full [&::-webkit-progress-value]:bg-accent"
        />
        <ol className="mt-4 border-t border-line">
          {steps.map((it) => (
            <StepRow key={it.name} step={it} />
          ))}
        </ol>
      </Card>
    </div>
  )
}

function StepRow({ step: { name, isDone } }: { step: Step }) {
  const { t } = useTranslation('console')
  return (
    <li className="flex flex-wrap items-center gap-x-3.5 gap-y-2 border-b border-line px-5 py-3.5 last:border-0 sm:flex-nowrap sm:px-6">
      <Mark isDone={isDone} />
      <div className="min-w-0 flex-1">
        <p className={isDone ? 'text-muted line-through' : 'font-medium'}>
          {t(`setup.${name}`)}
          {isDone && <span className="sr-only"> {t('setup.isDone')}</span>}
        </p>
        {!isDone && <p className="text-sm text-muted">{t(`setup.${name}Text`)}</p>}
      </div>
      {!isDone && <div className="max-sm:w-full max-sm:pl-9">{acts[name]}</div>}
    </li>
  )
}

function Mark({ isDone }: { isDone: boolean }) {
  return isDone ? (
    <span className="grid size-5.5 shrink-0 place-items-center rounded-full bg-success-soft text-success-text">
      <Icon name="check" className="size-3.5" />
    </span>
  ) : (
    <span className="size-5.5 shrink-0 rounded-full border-[1.5px] border-dashed border-control-line" />
  )
}

const acts: Record<StepName, ReactNode> = {
  look: <ToPage to="/settings" name="look" />,
  people: <Invite />,
  domain: <ToPage to="/domains" name="domain" />,
}

function ToPage({ to, name }: { to: string; name: 'look' | 'domain' }) {
  const { t } = useTranslation('console')
  return (
    <Link to={to} className={buttonClass()}>
      {t(`setup.${name}Act`)}
    </Link>
  )
}

function Invite() {
  const { t } = useTranslation('console')
  const [inviting, setInviting] = useState(false)
  return (
    <>
      <Button onClick={() => setInviting(true)}>{t('setup.peopleAct')}</Button>
      {inviting && <InviteDialog onClose={() => setInviting(false)} />}
    </>
  )
}

function Dismiss() {
  const { t } = useTranslation('console')
  const refresh = useRefresh()
  const dismiss = async () => {
    const body = { is_dismissed: true }
    const stored = await api.PATCH('/api/tenant/setup', { body }).catch(toastProblem)
    if (stored === undefined) return
    toast(t('setup.dismissed'))
    await refresh('setup')
  }
  return <IconButton icon="close" label={t('setup.dismiss')} onClick={() => void dismiss()} />
}
