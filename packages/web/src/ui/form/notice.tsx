import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { ApiProblem } from 'tenantry-client'
import { isStale, textOf } from '../../api/problem.ts'
import { Button } from '../button.tsx'
import { Icon, type IconName } from '../icons.tsx'
import type { Form } from './form.ts'

const looks = {
  danger: { box: 'bg-danger-soft text-danger-text', icon: 'alert' },
  warning: { box: 'bg-warning-soft text-warning-text', icon: 'alert' },
  success: { box: 'bg-success-soft text-success-text', icon: 'check' },
  info: { box: 'bg-sunken', icon: 'info' },
} as const satisfies Record<string, { box: string; icon: IconName }>

// What was on the page from the start is no news.
const roles = { danger: 'alert', warning: 'alert', success: 'status', info: 'note' }

/** A message inside a page or a form. Screen readers read it when it appears. */
export function Notice(props: {
  look: keyof typeof looks
  children: ReactNode
  actions?: ReactNode
}) {
  const { box, icon } = looks[props.look]
  return (
    <div role={roles[props.look]} className={`flex gap-2.5 rounded-lg px-3.5 py-3 ${box}`}>
      <Icon name={icon} className="mt-[3px] size-4" />
      <div className="grid min-w-0 gap-2.5">
        <div className="min-w-0 break-words">{props.children}</div>
        {props.actions !== undefined && <div className="flex flex-wrap gap-2">{props.actions}</div>}
      </div>
    </div>
  )
}

/** What failed, with the request's id where the server is at fault. */
export function ProblemNotice({ problem }: { problem: unknown }) {
  const { t } = useTranslation('auth')
  if (problem === undefined) return null
  const reference =
    problem instanceof ApiProblem && problem.status >= 500 ? problem.instance : undefined
  return (
    <Notice look="danger">
      {textOf(problem)}
      {reference !== undefined && (
        <span className="block text-xs opacity-80">{t('error.reference', { id: reference })}</span>
      )}
    </Notice>
  )
}

interface ConflictProps<V> {
  form: Form<V>
  /** Reads the latest version; what the person typed is lost. */
  reload?: () => void
}

/** What a form shows when it could not be stored: for a lost update the choice between the versions. */
export function FormProblem<V>({ form, reload }: ConflictProps<V>) {
  const { t } = useTranslation('console')
  if (!isStale(form.problem)) return <ProblemNotice problem={form.problem} />
  return (
    <Notice
      look="warning"
      actions={
        <>
          {reload && <Button onClick={reload}>{t('conflict.reload')}</Button>}
          <Button onClick={() => void form.overwrite()}>{t('conflict.overwrite')}</Button>
        </>
      }
    >
      {t('conflict.text')}
    </Notice>
  )
}
