import { type ReactNode, useEffect, useId, useRef } from 'react'
import { formatAgo, formatDateTime } from '../i18n/format.ts'
import { usePageTitle } from './product_name.ts'

interface PageHeaderProps {
  title: string
  description?: ReactNode
  /** The main action of the page. */
  actions?: ReactNode
  /** What is above the title, such as the way back. */
  above?: ReactNode
  /** A picture beside the title. */
  mark?: ReactNode
}

/** The title of a page. It gets the focus when the page appears, so that screen readers read it. */
export function PageHeader({ title, description, actions, above, mark }: PageHeaderProps) {
  const heading = useRef<HTMLHeadingElement>(null)
  usePageTitle(title)
  useEffect(() => heading.current?.focus({ preventScroll: true }), [])
  return (
    <header className="mb-6 grid gap-3">
      {above}
      <div className="flex flex-wrap items-start justify-between gap-x-6 gap-y-3">
        <div className="flex min-w-0 items-center gap-3.5">
          {mark}
          <div className="grid min-w-0 grid-cols-1 gap-1">
            <h1
              ref={heading}
              tabIndex={-1}
              dir="auto"
              className="break-words text-xl font-semibold tracking-[-0.015em]"
            >
              {title}
            </h1>
            {description !== undefined && (
              <p className="max-w-[60ch] break-words text-muted">{description}</p>
            )}
          </div>
        </div>
        {actions !== undefined && <div className="flex flex-wrap gap-2">{actions}</div>}
      </div>
    </header>
  )
}

interface CardProps {
  title?: ReactNode
  description?: ReactNode
  actions?: ReactNode
  footer?: ReactNode
  /** Left out where the header says it all. */
  children?: ReactNode
}

/** A titled part of a page. */
export function Card({ title, description, actions, footer, children }: CardProps) {
  const id = useId()
  return (
    <section
      aria-labelledby={title === undefined ? undefined : id}
      className="min-w-0 overflow-hidden rounded-xl bg-surface shadow-soft ring-1 ring-line"
    >
      {title !== undefined && (
        <header className="flex flex-wrap items-start justify-between gap-x-6 gap-y-3 px-5 pt-4.5 last:pb-4.5 sm:flex-nowrap sm:px-6">
          <div className="grid min-w-0 grid-cols-1 gap-0.5">
            <h2 id={id} className="text-base font-semibold tracking-[-0.01em]">
              {title}
            </h2>
            {description !== undefined && (
              <p className="break-words text-sm text-muted">{description}</p>
            )}
          </div>
          {actions && <div className="shrink-0">{actions}</div>}
        </header>
      )}
      {children}
      {footer !== undefined && (
        <footer className="flex flex-wrap items-center justify-end gap-3 border-t border-line bg-canvas px-5 py-3 sm:px-6">
          {footer}
        </footer>
      )}
    </section>
  )
}

/** The padding of a card's content. */
export function CardBody({ children }: { children: ReactNode }) {
  return <div className="grid gap-5 px-5 py-5 sm:px-6">{children}</div>
}

/** Facts of one thing, as pairs of a name and a value. */
export function Facts({ items }: { items: readonly (readonly [ReactNode, ReactNode])[] }) {
  return (
    <dl className="grid gap-x-6 gap-y-3 text-sm sm:grid-cols-[minmax(7rem,auto)_1fr]">
      {items.map(([name, value], at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the facts of a thing keep their order.
        <div key={at} className="grid min-w-0 sm:col-span-2 sm:grid-cols-subgrid">
          <dt className="text-muted">{name}</dt>
          <dd className="min-w-0 break-words">{value}</dd>
        </div>
      ))}
    </dl>
  )
}

/** A moment: how long ago, and the exact time for who points at it. */
export function Time({ at, exact = false }: { at: string; exact?: boolean }) {
  return (
    <time dateTime={at} title={formatDateTime(at)} className="whitespace-nowrap tabular-nums">
      {exact ? formatDateTime(at) : formatAgo(at)}
    </time>
  )
}
