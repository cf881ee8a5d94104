import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { api } from '../../api/client.ts'
import { useRefresh } from '../../api/query_client.ts'
import type { Domain } from '../../api/schema.ts'
import { useSession } from '../../session/session.tsx'
import { Badge } from '../../ui/badge.tsx'
import { Button } from '../../ui/button.tsx'
import { Confirm } from '../../ui/form/confirm.tsx'
import { Card, CardBody, Time } from '../../ui/layout.tsx'
import { Menu } from '../../ui/menu/menu.tsx'
import { toast, toastProblem } from '../../ui/toast.tsx'
import { DomainRecords } from './domain_records.tsx'
import { useCheck } from './use_check.ts'

const looks = {
  pending: 'accent',
  verified: 'success',
  failing: 'warning',
  detached: 'danger',
} as const

/** One domain: its state, what to do, and the records to add. */
export function DomainCard({ domain }: { domain: Domain }) {
  const { t } = useTranslation('console')
  const { name, state, is_primary } = domain
  return (
    <Card
      title={
        <span className="flex flex-wrap items-center gap-2">
          <span className="break-all">{name}</span>
          <Badge look={looks[state]}>{t(`domains.state_${state}`)}</Badge>
          {is_primary && <Badge>{t('domains.primary')}</Badge>}
        </span>
      }
      description={t(`domains.text_${state}`)}
      actions={<Acts domain={domain} />}
    >
      <CardBody>
        {needsRecords(domain) && <DomainRecords domain={domain} />}
        <Found domain={domain} />
      </CardBody>
    </Card>
  )
}

// Also of a verified domain that leads elsewhere: the person has yet to add the second record.
function needsRecords({ state, problem, points_here }: Domain): boolean {
  return state !== 'verified' || problem !== null || points_here === false
}

function Found({ domain }: { domain: Domain }) {
  const { t } = useTranslation('console')
  const { checked_at, problem, points_here, state, target } = domain
  const live = state === 'verified' || state === 'failing'
  return (
    <div className="grid gap-1 text-sm text-muted" aria-live="polite">
      {problem !== null && <p className="text-warning-text">{t(`domains.problem_${problem}`)}</p>}
      {live && points_here === false && (
        <p className="break-words text-warning-text">{t('domains.elsewhere', { target })}</p>
      )}
      <p>
        {checked_at === null ? (
          t('domains.neverChecked')
        ) : (
          <>
            {t('domains.checked')} <Time at={checked_at} />
          </>
        )}
      </p>
    </div>
  )
}

function Acts({ domain }: { domain: Domain }) {
  const { t } = useTranslation('console')
  const { can } = useSession()
  const refresh = useRefresh()
  const { busy, check } = useCheck()
  const [removing, setRemoving] = useState(false)
  const [insisting, setInsisting] = useState(false)
  const { id, name, state, is_primary, points_here, target } = domain
  const leadsElsewhere = !is_primary && points_here === false
  const checkNow = async () => {
    const checked = await check(domain).catch(toastProblem)
    if (checked === undefined) return
    toast(t(`domains.now_${checked.state}`, { name }))
  }
  const setPrimary = async (force: boolean) => {
    const params = { path: { domain_id: id } }
    const body = { is_primary: !is_primary, force }
    await api.PATCH('/api/domains/{domain_id}', { params, body })
    await refresh('domains')
  }
  const isLive = state === 'verified' || state === 'failing'
  const items = [
    ...(can('domains:update') && isLive
      ? [
          {
            label: t(is_primary ? 'domains.unsetPrimary' : 'domains.setPrimary'),
            icon: 'check' as const,
            act: () =>
              leadsElsewhere ? setInsisting(true) : void setPrimary(false).catch(toastProblem),
          },
        ]
      : []),
    ...(can('domains:delete')
      ? [
          {
            label: t('domains.remove'),
            icon: 'trash' as const,
            danger: true,
            act: () => setRemoving(true),
          },
        ]
      : []),
  ]
  return (
    <div className="flex items-center gap-1">
      {can('domains:update') && (
        <Button busy={busy} onClick={() => void checkNow()}>
          {t('domains.check')}
        </Button>
      )}
      <Menu label={t('members.menu', { name })} items={items} />
      {insisting && (
        <Confirm
          title={t('domains.insistTitle', { name })}
          action={t('domains.insist')}
          act={() => setPrimary(true)}
          onClose={() => setInsisting(false)}
        >
          {t('domains.insistText', { name, target })}
        </Confirm>
      )}
      {removing && <Remove domain={domain} onClose={() => setRemoving(false)} />}
    </div>
  )
}

function Remove({ domain, onClose }: { domain: Domain; onClose: () => void }) {
  const { t } = useTranslation('console')
  const refresh = useRefresh()
  const { id, name, state } = domain
  const isLive = state === 'verified' || state === 'failing'
  const remove = async () => {
    await api.DELETE('/api/domains/{domain_id}', { params: { path: { domain_id: id } } })
    toast(t('domains.removed', { name }))
    await refresh('domains', 'setup')
  }
  return (
    <Confirm
      title={t('domains.removeTitle', { name })}
      action={t('domains.remove')}
      {...(isLive && { name })}
      act={remove}
      onClose={onClose}
    >
      {t(isLive ? 'domains.removeText' : 'domains.removeClaimText', { name })}
    </Confirm>
  )
}
