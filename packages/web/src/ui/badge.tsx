import type { ReactNode } from 'react'

const looks = {
  neutral: 'bg-sunken text-muted ring-line',
  accent: 'bg-accent-soft text-accent-text ring-transparent',
  success: 'bg-success-soft text-success-text ring-transparent',
  warning: 'bg-warning-soft text-warning-text ring-transparent',
  danger: 'bg-danger-soft text-danger-text ring-transparent',
}

/** A short state or label. */
export function Badge({
  look = 'neutral',
  children,
}: {
  look?: keyof typeof looks
  children: ReactNode
}) {
  return (
    <span
      className={`inline-flex max-w-full items-center rounded-md px-1.5 py-px text-xs font-medium ring-1 ring-inset ${looks[look]}`}
    >
      <span className="min-w-0 break-words">{children}</span>
    </span>
  )
}

/** The initials of a person. The name is beside it, so screen readers skip it. */
export function Avatar({
  name,
  className = 'size-8 text-xs',
}: {
  name: string
  className?: string
}) {
  return (
    <span
      aria-hidden="true"
      className={`grid shrink-0 select-none place-items-center rounded-full bg-accent-soft font-semibold text-accent-text ${className}`}
    >
      {initialsOf(name)}
    </span>
  )
}

function initialsOf(name: string): string {
  const words = name.split(/[\s@.]+/).filter((it) => /[\p{L}\p{N}]/u.test(it))
  const letters = [words[0], words.length > 1 ? words.at(-1) : undefined].map(firstLetter)
  return letters.join('').toLocaleUpperCase() || '?'
}

function firstLetter(word = ''): string {
  return /[\p{L}\p{N}]/u.exec(word)?.[0] ?? ''
}
