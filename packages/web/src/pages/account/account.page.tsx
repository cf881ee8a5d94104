import { useTranslation } from 'react-i18next'
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
  return (
    <>
      <PageHeader title={t('account.title')} description={t('account.lead')} />
      <div className="grid gap-6">
        <ProfileCard />
        <AddressCard />
        <PasswordCard />
        <SessionsCard />
        <WorkspacesCard />
        <MembershipCard />
        <DeletionCard />
      </div>
    </>
  )
}
