import { useRouter } from '@tanstack/react-router'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useSession } from '../session/session.tsx'
import { signOut } from '../session/sign_in.ts'
import { Avatar } from '../ui/badge.tsx'
import { Icon } from '../ui/icons.tsx'
import { Menu } from '../ui/menu/menu.tsx'
import { toastProblem } from '../ui/toast.tsx'
import { PreferencesDialog } from './preferences_dialog.tsx'

/** The signed-in person: account, appearance, signing out. */
export function PersonMenu({ onNavigate }: { onNavigate?: () => void }) {
  const { t } = useTranslation('console')
  const { user_name, user_email } = useSession()
  const { navigate } = useRouter()
  const [isChoosing, choose] = useState(false)
  const name = user_name || user_email
  const content = (
    <>
      <Avatar name={name} />
      <span className="min-w-0 flex-1 text-left leading-tight">
        <span className="block truncate text-sm font-medium" dir="auto">
          {name}
        </span>
        <span className="block truncate text-xs text-muted">{user_email}</span>
      </span>
      <Icon name="chevron" className="size-3.5 text-muted" />
    </>
  )
  return (
    <>
      <Menu
        label={name}
        trigger={{
          className:
            'flex w-full items-center gap-2.5 rounded-lg p-1.5 transition-colors hover:bg-hover aria-expanded:bg-hover',
          content,
        }}
        items={[
          {
            label: t('account.title'),
            icon: 'user',
            act: () => {
              onNavigate?.()
              void navigate({ to: '/account' })
            },
          },
          { label: t('person.preferences'), icon: 'moon', act: () => choose(true) },
          {
            label: t('person.signOut'),
            icon: 'signOut',
            act: () => void signOut().catch(toastProblem),
          },
        ]}
      />
      {isChoosing && <PreferencesDialog onClose={() => choose(false)} />}
    </>
  )
}
