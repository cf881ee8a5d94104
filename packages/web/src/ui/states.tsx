import type { UseQueryResult } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { ApiProblem } from 'tenantry-client'
import { isClosedTenant, isForbidden, isMissing, isOffline, textOf } from '../api/problem.ts'
import { Button, buttonClass } from './button.tsx'
import { Icon, type IconName } from './icons.tsx'
import { usePageTitle } from './product_name.ts'

interface StateProps {
  icon: IconName
  title: string
  text?: ReactNode
  action?: ReactNode
  /** It is all that the page shows, so that its title is the page's. */
  isPage?: boolean
}

/** What stands in place of content: there is none, or it cannot be shown. */
export function State({ icon, title, text, action, isPage = false }: StateProps) {
  const Title = isPage ? 'h1' : 'p'
  usePageTitle(isPage ? title : undefined)
  return (
    <div className="grid place-items-center px-6 py-14 text-center">
      <span className="mb-4 grid size-11 place-items-center rounded-xl bg-sunken text-muted ring-1 ring-inset ring-line">
        <Icon name={icon} className="size-5" />
      </span>
      <Title className="font-semibold">{title}</Title>
      {text !== undefined && <p className="mt-1 max-w-[46ch] break-words text-muted">{text}</p>}
      {action && <div className="mt-5">{action}</div>}
    </div>
  )
}

interface PagePart {
  isPage?: boolean
}

/** A page or part that the actor may not see. */
export function Forbidden({ isPage = false }: PagePart) {
  const { t } = useTranslation('console')
  return (
    <State
      icon="lock"
      title={t('forbidden.title')}
      text={t('forbidden.text')}
      isPage={isPage}
      action={isPage && <HomeLink />}
    />
  )
}

/** Something that does not exist, or that the actor may not know of. */
export function Missing({ isPage = false }: PagePart) {
  const { t } = useTranslation('console')
  return (
    <State
      icon="search"
      title={t('missing.title')}
      text={t('missing.text')}
      isPage={isPage}
      action={isPage && <HomeLink />}
    />
  )
}

// Not a link of the router: the state may be shown before there is one.
function HomeLink() {
  const { t } = useTranslation('console')
  return (
    <a href="/console" className={buttonClass()}>
      {t('missing.home')}
    </a>
  )
}

interface FailedProps extends PagePart {
  error: unknown
  retry: () => void
}

/** What could not be read, and a button to try again. */
export function Failed({ error, retry, isPage = false }: FailedProps) {
  const { t } = useTranslation(['console', 'auth'])
  if (isClosedTenant(error)) {
    const title = t('auth:error.title')
    return <State icon="alert" title={title} text={textOf(error)} isPage={isPage} />
  }
  if (isForbidden(error)) return <Forbidden isPage={isPage} />
  if (isMissing(error)) return <Missing isPage={isPage} />
  const offline = isOffline(error)
  const reference = error instanceof ApiProblem && !offline ? error.instance : undefined
  return (
    <div role="alert">
      <State
        isPage={isPage}
        icon={offline ? 'offline' : 'alert'}
        title={t(offline ? 'offline.title' : 'failed.title')}
        text={
          <>
            {textOf(error)}
            {reference !== undefined && (
              <span className="mt-1 block text-xs">
                {t('auth:error.reference', { id: reference })}
              </span>
            )}
          </>
        }
        action={<Button onClick={retry}>{t('action.retry')}</Button>}
      />
    </div>
  )
}

/** Grey bars in the place of `rows` lines that are being loaded. */
export function Skeleton({ rows = 5 }: { rows?: number }) {
  const { t } = useTranslation(['console', 'auth'])
  return (
    <div role="status" className="grid gap-0">
      <span className="sr-only">{t('auth:form.loading')}</span>
      {[...Array(rows).keys()].map((at) => (
        <div
          key={at}
          aria-hidden="true"
          className="flex h-14 items-center gap-3 border-b border-line px-5 last:border-0 sm:px-6"
        >
          <span className="size-8 shrink-0 animate-shimmer rounded-full bg-sunken" />
          <span className="grid flex-1 gap-2">
            <span
              className={`h-2.5 animate-shimmer rounded bg-sunken ${at % 2 ? 'w-36' : 'w-44'}`}
            />
            <span
              className={`h-2 animate-shimmer rounded bg-sunken ${at % 2 ? 'w-56' : 'w-48'} max-w-full`}
            />
          </span>
          <span className="h-4 w-16 animate-shimmer rounded bg-sunken max-sm:hidden" />
        </div>
      ))}
    </div>
  )
}

interface LoadedProps<T> extends PagePart {
  query: UseQueryResult<T>
  loading?: ReactNode
  children: (data: T) => ReactNode
}

/** The data of a query, or the state that it is in: loading, failed, forbidden, missing or offline. */
export function Loaded<T>({
  query,
  loading = <Skeleton />,
  isPage = false,
  children,
}: LoadedProps<T>) {
  if (query.data !== undefined && !isForbidden(query.error)) return children(query.data)
  if (query.isError)
    return <Failed error={query.error} retry={() => void query.refetch()} isPage={isPage} />
  return loading
}
