import type { ButtonHTMLAttributes } from 'react'
import { useTranslation } from 'react-i18next'
import { Icon } from '../ui/icons.tsx'
import type { Brand } from './brand.tsx'
import { TenantName } from './tenant_name.tsx'

type Native = ButtonHTMLAttributes<HTMLButtonElement>

/** The button that opens the list of workspaces. */
export function SwitcherButton({ brand, ...rest }: Native & { brand: Brand }) {
  const { t } = useTranslation('console')
  return (
    <button
      type="button"
      aria-haspopup="dialog"
      {...rest}
      className="flex w-full min-w-0 items-center gap-2.5 rounded-lg p-1.5 transition-colors hover:bg-hover aria-expanded:bg-hover"
    >
      <TenantName brand={brand} />
      <span className="sr-only">{t('workspaces.switch')}</span>
      <Icon name="chevron" className="size-3.5 text-muted" />
    </button>
  )
}
