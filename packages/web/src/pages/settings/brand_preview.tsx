import { type CSSProperties, type ReactNode, useContext } from 'react'
import { useTranslation } from 'react-i18next'
import { contrastOf, type Hex, isHex } from '../../brand/accent.ts'
import { isWide, type Logo, TenantLogo } from '../../brand/tenant_logo.tsx'
import { useBranding } from '../../brand/use_branding.ts'
import { BrandMark } from '../../shell/brand.tsx'
import { Icon } from '../../ui/icons.tsx'
import { Card } from '../../ui/layout.tsx'
import { ProductName } from '../../ui/product_name.ts'
import type { SettingsValues } from './settings_values.ts'

/** How people will see the workspace, while it is being changed. The pictures hold nothing to use. */
export function BrandPreview(values: SettingsValues) {
  const { t } = useTranslation('console')
  const logo = useBranding().data?.logo ?? null
  return (
    <div className="lg:sticky lg:top-6">
      <Card title={t('settings.preview')} description={t('settings.previewText')}>
        <div className="grid gap-5 px-5 py-5 sm:px-6">
          <Picture caption={t('settings.previewPage')}>
            <SignInPage {...values} logo={logo} />
          </Picture>
          <Picture caption={t('settings.previewMail')}>
            <Mail {...values} logo={logo} />
          </Picture>
        </div>
      </Card>
    </div>
  )
}

function Picture({ caption, children }: { caption: string; children: ReactNode }) {
  return (
    <figure className="grid min-w-0 gap-1.5">
      <figcaption className="text-xs font-medium text-muted">{caption}</figcaption>
      <div aria-hidden="true" className="overflow-hidden rounded-xl ring-1 ring-line select-none">
        {children}
      </div>
    </figure>
  )
}

type Shown = SettingsValues & { logo: Logo | null }

function SignInPage({ name, notice, logo }: Shown) {
  const { t } = useTranslation('auth')
  const product = useContext(ProductName)
  const bar = 'h-7 rounded-md bg-surface ring-1 ring-inset ring-control-line'
  return (
    <div className="bg-[radial-gradient(18rem_9rem_at_50%_-2rem,var(--accent-soft),transparent)] bg-canvas px-5 py-6">
      <div className="mb-4 flex min-w-0 items-center justify-center gap-2">
        {logo ? <TenantLogo logo={logo} name="" /> : <BrandMark brand={{ name: product }} />}
        {!(logo && isWide(logo)) && (
          <span className="min-w-0 truncate font-semibold" dir="auto">
            {name.trim()}
          </span>
        )}
      </div>
      <div className="grid gap-2.5 rounded-xl bg-surface p-4 shadow-soft ring-1 ring-line">
        <span className="font-semibold">{t('signIn.title')}</span>
        {notice.trim() !== '' && (
          <span className="flex gap-2 rounded-md bg-sunken px-2.5 py-2 text-xs">
            <Icon name="info" className="mt-0.5 size-3.5 text-muted" />
            <span className="line-clamp-4 min-w-0 break-words" dir="auto">
              {notice.trim()}
            </span>
          </span>
        )}
        <span className={bar} />
        <span className={bar} />
        <span className="text-xs font-medium text-accent-text">{t('signIn.forgot')}</span>
        <span className="grid h-8 place-items-center rounded-md bg-accent text-sm font-medium text-on-accent">
          {t('signIn.submit')}
        </span>
      </div>
    </div>
  )
}

const MAIL_COLOR: Hex = '#4f46e5'

// A mail is light in any theme.
function Mail({ name, color, logo }: Shown) {
  const { t } = useTranslation('console')
  const given = color.trim().toLowerCase()
  const button = isHex(given) ? given : MAIL_COLOR
  const label = contrastOf(button, '#ffffff') >= contrastOf(button, '#000000') ? '#fff' : '#000'
  const style: CSSProperties = { backgroundColor: button, color: label }
  return (
    <div className="bg-[#f4f4f6] px-5 py-5 text-[#1b1d22]">
      <div className="grid justify-items-start gap-3 rounded-lg bg-white p-4 ring-1 ring-[#e3e4e8]">
        <div className="flex max-w-full items-center gap-2">
          {logo && <TenantLogo logo={logo} name="" />}
          {!(logo && isWide(logo)) && (
            <span className="min-w-0 truncate font-semibold" dir="auto">
              {name.trim()}
            </span>
          )}
        </div>
        <span className="h-2 w-full rounded bg-[#e3e4e8]" />
        <span className="h-2 w-2/3 rounded bg-[#e3e4e8]" />
        <span className="rounded-lg px-3 py-1.5 text-sm font-semibold" style={style}>
          {t('settings.previewButton')}
        </span>
      </div>
    </div>
  )
}
