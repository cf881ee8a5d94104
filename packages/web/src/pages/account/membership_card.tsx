import { type ReactNode, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { api } from '../../api/client.ts'
import { useSession } from '../../session/session.tsx'
import { Button, buttonClass } from '../../ui/button.tsx'
import { Confirm } from '../../ui/form/confirm.tsx'
import { Card } from '../../ui/layout.tsx'
import { Link } from '../../ui/link.tsx'

/** The membership in this workspace: handing it over as its owner, and leaving. */
export function MembershipCard() {
  const { t } = useTranslation('console')
  const { can, tenant_name } = useSession()
  const [isLeaving, leave] = useState(false)
  return (
    <Card title={t('membership.title')} description={t('membership.text')}>
      <ul className="mt-3 border-t border-line">
        {can('tenant:transfer') && (
          <Choice title={t('ownership.title')} text={t('ownership.lead')}>
            <Link to="/ownership-transfer" className={buttonClass()}>
              {t('ownership.transfer')}
            </Link>
          </Choice>
        )}
        <Choice
          title={t('membership.leaveTitle', { tenant: tenant_name })}
          text={t('membership.leaveText')}
        >
          <Button look="removal" onClick={() => leave(true)}>
            {t('membership.leave')}
          </Button>
        </Choice>
      </ul>
      {isLeaving && <LeaveDialog onClose={() => leave(false)} />}
    </Card>
  )
}

function Choice(props: { title: string; text: string; children: ReactNode }) {
  return (
    <li className="flex flex-wrap items-center justify-between gap-x-6 gap-y-3 border-b border-line px-5 py-4 last:border-0 sm:flex-nowrap sm:px-6">
      <span className="grid min-w-0 gap-0.5">
        <span className="break-words font-medium" dir="auto">
          {props.title}
        </span>
        <span className="text-pretty text-sm text-muted">{props.text}</span>
      </span>
      <span className="shrink-0">{props.children}</span>
    </li>
  )
}

function LeaveDialog({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation('console')
  const { tenant_name, roles } = useSession()
  const act = async () => {
    await api.DELETE('/api/account/membership')
    location.replace('/auth/sign-in?reason=left')
  }
  return (
    <Confirm
      title={t('membership.leaveQuestion', { tenant: tenant_name })}
      action={t('membership.leave')}
      name={tenant_name}
      act={act}
      onClose={onClose}
    >
      {t('membership.consequences', { tenant: tenant_name, count: roles.length })}
    </Confirm>
  )
}
