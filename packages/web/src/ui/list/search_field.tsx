import { useEffect, useRef, useState } from 'react'
import { Icon } from '../icons.tsx'

const PAUSE_MS = 200

interface SearchFieldProps {
  label: string
  value: string
  onChange: (value: string) => void
}

/** A field that searches while the person types, once they pause. */
export function SearchField({ label, value, onChange }: SearchFieldProps) {
  const [typed, setTyped] = useState(value)
  const latest = useRef(onChange)
  latest.current = onChange
  useEffect(() => setTyped(value), [value])
  useEffect(() => {
    if (typed === value) return
    const timer = setTimeout(() => latest.current(typed), PAUSE_MS)
    return () => clearTimeout(timer)
  }, [typed, value])
  return <SearchInput label={label} value={typed} onChange={setTyped} />
}

/** The same for what the browser has already: it searches at each key. */
export function SearchInput({ label, value, onChange }: SearchFieldProps) {
  return (
    <div className="relative min-w-0 flex-1">
      <Icon
        name="search"
        className="pointer-events-none absolute left-2.5 top-1/2 size-4 -translate-y-1/2 text-faint"
      />
      <input
        type="search"
        aria-label={label}
        placeholder={label}
        autoComplete="off"
        spellCheck={false}
        value={value}
        onChange={(event) => onChange(event.target.value)}
        className="h-8 w-full rounded-lg bg-surface pl-8.5 pr-3 text-sm shadow-soft ring-1 ring-inset ring-line-strong placeholder:text-muted focus:outline-none focus-visible:ring-2 focus-visible:ring-accent max-sm:h-10 max-sm:text-lg"
      />
    </div>
  )
}
