import { useEffect, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { api } from '../../api/client.ts'
import { Spinner } from '../../ui/button.tsx'
import { Field } from '../../ui/form/field.tsx'
import { Icon } from '../../ui/icons.tsx'

// Long enough that a person who types asks once for each word.
const PAUSE_MS = 300

type Availability = 'checking' | 'available' | 'taken' | 'reserved' | 'malformed'

interface SubdomainFieldProps {
  value: string
  suffix: string
  error: string | undefined
  onChange: (value: string) => void
}

/** The address of a new workspace; says while one types whether it is free. */
export function SubdomainField(props: SubdomainFieldProps) {
  const { value, suffix, error, onChange } = props
  const { t } = useTranslation('auth')
  const state = useAvailability(value)
  const isWrong = state !== undefined && state !== 'checking' && state !== 'available'
  return (
    <Field
      label={t('signUp.subdomain')}
      error={error ?? (isWrong ? t(`signUp.${state}`) : undefined)}
      hint={t('signUp.subdomainHint')}
    >
      {(described) => (
        <div className="relative min-w-0">
          <div className="flex h-9 items-center rounded-lg bg-surface shadow-soft ring-1 ring-inset ring-control-line focus-within:ring-2 focus-within:ring-accent hover:ring-muted focus-within:hover:ring-accent has-[[aria-invalid]]:ring-danger-text max-sm:h-11">
            <input
              {...described}
              type="text"
              name="subdomain"
              value={value}
              autoCapitalize="none"
              autoComplete="off"
              spellCheck={false}
              maxLength={63}
              onChange={(event) =>
                onChange(event.target.value.toLowerCase().replaceAll(/\s/g, '-'))
              }
              className="h-full w-0 min-w-0 flex-1 rounded-lg bg-transparent pl-3 text-base outline-none max-sm:text-lg"
            />
            <span className="max-w-[60%] truncate pl-1 pr-9 text-muted">{suffix}</span>
          </div>
          <Mark state={state} />
        </div>
      )}
    </Field>
  )
}

function Mark({ state }: { state: Availability | undefined }) {
  const { t } = useTranslation('auth')
  return (
    <span
      role="status"
      className="pointer-events-none absolute inset-y-0 right-0 grid w-9 place-items-center"
    >
      {state === 'checking' && <Spinner className="size-4 text-muted" />}
      {state === 'available' && (
        <>
          <Icon name="check" className="size-4 text-success-text" />
          <span className="sr-only">{t('signUp.available')}</span>
        </>
      )}
    </span>
  )
}

function useAvailability(name: string): Availability | undefined {
  const [known, setKnown] = useState<{ name: string; state: Availability | undefined }>()
  useEffect(() => {
    if (name === '') return
    let isCurrent = true
    const timer = setTimeout(() => {
      const answer = (state: Availability | undefined) => {
        if (isCurrent) setKnown({ name, state })
      }
      api.GET('/api/subdomains/{name}', { params: { path: { name } } }).then(
        ({ data }) => answer(data.reason ?? 'available'),
        // The form says it when it is sent.
        () => answer(undefined),
      )
    }, PAUSE_MS)
    return () => {
      isCurrent = false
      clearTimeout(timer)
    }
  }, [name])
  if (name === '') return undefined
  return known?.name === name ? known.state : 'checking'
}
