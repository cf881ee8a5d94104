import { classNames } from '../class_names.ts'
import { Icon } from '../icons.tsx'

interface FilterSelectProps {
  label: string
  value: string
  /** The values with their texts; '' stands for no filter. */
  options: readonly (readonly [string, string])[]
  onChange: (value: string) => void
}

/** A small choice above a list. */
export function FilterSelect({ label, value, options, onChange }: FilterSelectProps) {
  return (
    <div className="relative min-w-0 max-sm:flex-1 sm:max-w-56">
      <select
        aria-label={label}
        value={value}
        onChange={(event) => onChange(event.target.value)}
        className={classNames(
          'h-8 w-full appearance-none truncate rounded-lg bg-surface pl-3 pr-8 text-sm font-medium shadow-soft ring-1 ring-inset ring-line-strong focus:outline-none focus-visible:ring-2 focus-visible:ring-accent max-sm:h-10',
          value !== '' && 'text-accent-text',
        )}
      >
        {options.map(([key, text]) => (
          <option key={key} value={key}>
            {text}
          </option>
        ))}
      </select>
      <Icon
        name="chevron"
        className="pointer-events-none absolute right-2.5 top-1/2 size-3.5 -translate-y-1/2 text-muted"
      />
    </div>
  )
}
