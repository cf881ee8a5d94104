import { type ReactNode, useEffect, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { isClosedTenant, isForbidden, textOf } from '../api/problem.ts'
import { type Branding, lastBranding, readBranding } from '../brand/tenant_brand.ts'
import { isWide, TenantLogo } from '../brand/tenant_logo.tsx'
import { type Brand, BrandMark } from '../shell/brand.tsx'
import { classNames } from '../ui/class_names.ts'
import { Notice } from '../ui/form/notice.tsx'
import { AuthPreferences } from './auth_preferences.tsx'

interface AuthFrameProps {
  brand: Brand
  title: string
  lead?: ReactNode
  content: ReactNode
  below?: ReactNode
  /** Shows the product, and not a workspace: the page is at APP_HOST. */
  isOfInstallation?: boolean
  /** Leads a person who is at the wrong workspace to theirs. */
  findsOthers?: boolean
  /** Shows what the workspace says to everyone who signs in. */
  hasNotice?: boolean
}

/** The frame of the sign-in pages: the workspace, the title, one form. */
export function AuthFrame(props: AuthFrameProps) {
  const { brand, content, below, isOfInstallation = false } = props
  const { findsOthers, hasNotice = false } = props
  const { branding, problem, isWaiting } = useBranding(!isOfInstallation)
  const { t } = useTranslation('auth')
  const isClosed = problem !== undefined
  const tenant = isOfInstallation || isClosed ? brand.name : branding?.tenant_name
  const title = isClosed ? t(titleOf(problem)) : props.title
  const lead = isClosed ? textOf(problem) : props.lead
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    document.title = `${title} · ${tenant ?? brand.name}`
  }, [title, tenant, brand.name])
  // A form has focused its first field already.
  useEffect(() => {
    if (document.activeElement === document.body) heading.current?.focus()
  }, [])
  return (
    // The colour of the app must not flash before that of the workspace.
    <div
      className={classNames(
        isWaiting && 'animate-late',
        'flex min-h-dvh flex-col bg-[radial-gradient(60rem_30rem_at_50%_-10rem,var(--accent-soft),transparent)]',
      )}
    >
      <main className="mx-auto grid w-full max-w-[25rem] flex-1 grid-cols-1 content-center px-4 py-10">
        <Head brand={brand} branding={branding} name={tenant} />
        <div className="rounded-2xl bg-surface p-6 shadow-raised ring-1 ring-line sm:p-8">
          <h1
            ref={heading}
            tabIndex={-1}
            className="break-words text-xl font-semibold tracking-[-0.015em]"
          >
            {title}
          </h1>
          {lead !== undefined && (
            <p role={isClosed ? 'alert' : undefined} className="mt-1.5 break-words text-muted">
              {lead}
            </p>
          )}
          <div className="mt-6 grid gap-4 empty:hidden">
            {hasNotice && branding?.notice && (
              <Notice look="info">
                <span dir="auto">{branding.notice}</span>
              </Notice>
            )}
            {!isClosed && content}
          </div>
        </div>
        {below && !isClosed && <div className="mt-5 text-center text-sm text-muted">{below}</div>}
        {findsOthers && <FindOthers branding={branding} />}
      </main>
      <AuthPreferences />
    </div>
  )
}

/** The logo of the workspace, or the mark of the product, and its name. */
function Head(props: { brand: Brand; branding: Branding | undefined; name: string | undefined }) {
  const { brand, branding, name } = props
  const { logo } = branding ?? {}
  return (
    <div className="mb-7 flex min-h-8 min-w-0 items-center justify-center gap-2.5">
      {logo ? <TenantLogo logo={logo} name={name ?? ''} size="lg" /> : <BrandMark brand={brand} />}
      {!(logo && isWide(logo)) && (
        <p className="min-h-6 min-w-0 truncate text-lg font-semibold tracking-[-0.01em]" dir="auto">
          {name}
        </p>
      )}
    </div>
  )
}

// The tenant is suspended, or there is none at this host: no form could work.
const titleOf = (problem: unknown) =>
  isForbidden(problem) ? 'error.suspendedTitle' : 'error.noWorkspaceTitle'

/** Where a person has one account in all workspaces, APP_HOST mails them the addresses. */
function FindOthers({ branding }: { branding: Branding | undefined }) {
  const { t } = useTranslation('auth')
  return (
    <p className="mt-5 min-h-5 text-center text-sm">
      {branding?.identity_scope === 'global' && (
        <a
          href={`${branding.app_origin}/auth/find-workspace`}
          className="font-medium text-accent-text hover:underline"
        >
          {t('find.other')}
        </a>
      )}
    </p>
  )
}

interface Found {
  branding?: Branding | undefined
  problem?: unknown
  isWaiting?: boolean
}

function useBranding(isAsked: boolean): Found {
  const [found, setFound] = useState<Found>(() => {
    const branding = lastBranding()
    return { branding, isWaiting: isAsked && branding === undefined }
  })
  useEffect(() => {
    if (!isAsked) return
    readBranding().then(
      (branding) => setFound({ branding }),
      // Any other failure only costs the name: the form says what is wrong when it is sent.
      (problem: unknown) => setFound(isClosedTenant(problem) ? { problem } : {}),
    )
  }, [isAsked])
  return found
}
