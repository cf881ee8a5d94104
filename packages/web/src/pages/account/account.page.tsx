import { useTranslation } from 'react-i18next'
import { ElsewhereCard } from '../../session/elsewhere_card.tsx'
import { useSession } from '../../session/session.tsx'
import { PageHeader } from '../../ui/layout.tsx'
import { AddressCard } from './address_card.tsx'
import { DeletionCard } from './deletion_card.tsx'
import { MembershipCard } from './membership_card.tsx'
import { PasswordCard } from './password_card.tsx'
import { ProfileCard } from './profile_card.tsx'
import { SessionsCard } from './sessions_card.tsx'
import { WorkspacesCard } from './workspaces_card.tsx'

/** The person's own account. */
export function Page() {
  const { t } = useTranslation('console')
  const { sign_in_origin } = useSession()
  const isElsewhere = sign_in_origin !== null
  return (
    <>
      <PageHeader title={t('account.title')} description={t('account.lead')} />
      <div className="grid gap-6">
        {isElsewhere ? (
          <ElsewhereCard path="/account" />
        ) : (
          <>
            <ProfileCard />
            <AddressCard />
            <PasswordCard />
          </>
        )}
        <SessionsCard />
        {!isElsewhere && <WorkspacesCard />}
        <MembershipCard />
        {!isElsewhere && <DeletionCard />}
      </div>
    </>
  )
}
