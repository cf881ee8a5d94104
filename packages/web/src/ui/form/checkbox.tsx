import type { ReactNode } from 'react'

interface CheckboxProps {
  label: ReactNode
  hint?: ReactNode
  checked: boolean
  disabled?: boolean | undefined
  onChange: (checked: boolean) => void
}

/** A box to tick, with what it means beside it. */
export function Checkbox({ label, hint, checked, disabled = false, onChange }: CheckboxProps) {
  return (
    <label
      className={`flex min-w-0 items-start gap-2.5 rounded-lg px-2.5 py-2 ${disabled ? 'opacity-60' : 'hover:bg-hover'}`}
    >
      <input
        type="checkbox"
        checked={checked}
        disabled={disabled}
        onChange={(event) => onChange(event.target.checked)}
        className="mt-0.5 size-4 shrink-0 accent-accent"
      />
      <span className="grid min-w-0">
        <span className="break-words text-sm font-medium">{label}</span>
        {hint !== undefined && <span className="break-words text-sm text-muted">{hint}</span>}
      </span>
    </label>
  )
}
