import type { ButtonHTMLAttributes, ReactNode } from 'react'
import { classNames } from './class_names.ts'
import { Icon, type IconName } from './icons.tsx'

const looks = {
  primary:
    'bg-accent text-on-accent shadow-[inset_0_1px_0_oklch(1_0_0/0.14),0_1px_2px_oklch(0.2_0.02_264/0.16)] hover:bg-accent-hover',
  secondary: 'bg-surface text-text shadow-soft ring-1 ring-inset ring-line-strong hover:bg-hover',
  ghost: 'text-muted hover:bg-hover hover:text-text',
  removal:
    'bg-surface text-danger-text shadow-soft ring-1 ring-inset ring-line-strong hover:bg-danger-soft',
  danger: 'bg-danger text-white shadow-soft hover:bg-danger-hover',
}
const sizes = {
  md: 'h-8 px-3 text-sm max-sm:h-9',
  lg: 'h-10 px-4 text-base',
  icon: 'size-8 max-sm:size-9',
}

/** How a button looks. */
export interface ButtonLook {
  look?: keyof typeof looks
  size?: keyof typeof sizes
}

/** The classes of a button, also for a link that looks like one. */
export function buttonClass({ look = 'secondary', size = 'md' }: ButtonLook = {}): string {
  return classNames(
    'inline-flex select-none items-center justify-center gap-1.5 whitespace-nowrap rounded-lg font-medium transition-colors duration-100',
    'disabled:pointer-events-none disabled:opacity-55 aria-disabled:opacity-55 aria-busy:pointer-events-none',
    looks[look],
    sizes[size],
  )
}

type Native = ButtonHTMLAttributes<HTMLButtonElement>

/** A button. While it is `busy` it keeps its width and its focus, and does nothing. */
export function Button(props: Native & ButtonLook & { icon?: IconName; busy?: boolean }) {
  const { look, size, icon, busy = false, className, children, ...rest } = props
  return (
    <button
      type="button"
      aria-busy={busy || undefined}
      {...rest}
      onClick={busy ? (event) => event.preventDefault() : rest.onClick}
      className={classNames(
        buttonClass({ ...(look && { look }), ...(size && { size }) }),
        className,
      )}
    >
      {busy ? <Spinner /> : icon && <Icon name={icon} />}
      {children}
    </button>
  )
}

/** A button that only shows an icon; `label` is its name. */
export function IconButton(
  props: Native & { icon: IconName; label: string; look?: ButtonLook['look'] },
) {
  const { icon, label, look = 'ghost', className, ...rest } = props
  return (
    <button
      type="button"
      aria-label={label}
      title={label}
      {...rest}
      className={classNames(buttonClass({ look, size: 'icon' }), className)}
    >
      <Icon name={icon} />
    </button>
  )
}

/** A turning ring beside the text of what is awaited. */
export function Spinner({ className = 'size-4' }: { className?: string }): ReactNode {
  return (
    <svg aria-hidden="true" viewBox="0 0 24 24" fill="none" className={`animate-spin ${className}`}>
      <circle cx="12" cy="12" r="9" stroke="currentColor" strokeWidth="2.5" opacity="0.25" />
      <path
        d="M21 12a9 9 0 0 0-9-9"
        stroke="currentColor"
        strokeWidth="2.5"
        strokeLinecap="round"
      />
    </svg>
  )
}
