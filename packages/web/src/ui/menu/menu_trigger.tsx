import type { ButtonHTMLAttributes, ReactNode } from 'react'
import { IconButton } from '../button.tsx'
import type { IconName } from '../icons.tsx'

/** An act in a menu. */
export interface MenuItem {
  label: string
  icon?: IconName
  danger?: boolean
  act: () => void
}

export interface MenuProps {
  /** The name of the button. */
  label: string
  items: readonly MenuItem[]
  /** What the button shows instead of three dots. */
  trigger?: { className: string; content: ReactNode }
}

type Native = ButtonHTMLAttributes<HTMLButtonElement>

/** The button of a menu. What it shows is its name, and `label` that of the three dots. */
export function MenuTrigger(props: Pick<MenuProps, 'label' | 'trigger'> & Native) {
  const { label, trigger, ...rest } = props
  if (trigger === undefined) {
    return (
      <IconButton
        icon="dots"
        label={label}
        aria-haspopup="menu"
        {...rest}
        className="relative z-10"
      />
    )
  }
  return (
    <button type="button" aria-haspopup="menu" {...rest} className={trigger.className}>
      {trigger.content}
    </button>
  )
}
