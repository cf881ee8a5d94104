import { type FormEvent, useEffect, useRef, useState } from 'react'
import { ApiProblem } from 'tenantry-client'
import { faultText, textOf } from '../../api/problem.ts'

type Errors = Record<string, string>

interface FormOptions<V> {
  initial: V
  /** What is wrong before anything is sent, by field. */
  check?: (values: V) => Partial<Record<keyof V, string>>
  /** Stores the values; with `overwrite` also over a version that was stored meanwhile. */
  submit: (values: V, overwrite: boolean) => Promise<unknown>
}

/** The state of a form. */
export interface Form<V> {
  values: V
  set<K extends keyof V>(name: K, value: V[K]): void
  /** The value of a text field, its error and its change. */
  text(name: keyof V & string): TextBinding
  /** What failed and belongs to no field. */
  problem: unknown
  clearProblem(): void
  busy: boolean
  changed: boolean
  send(): Promise<void>
  /** Takes back what the person typed. */
  reset(): void
  /** Sends the values over the version that was stored meanwhile. */
  overwrite(): Promise<void>
  formProps: {
    ref: React.RefObject<HTMLFormElement | null>
    noValidate: true
    onSubmit: (event: FormEvent) => void
  }
}

interface TextBinding {
  name: string
  value: string
  error: string | undefined
  onChange: (value: string) => void
}

/**
 * Holds a form's values until they are stored: whatever fails, the text stays. The faults of a reply are
 * shown at their fields, and the first of them gets the focus.
 */
export function useForm<V extends object>(options: FormOptions<V>): Form<V> {
  const [values, setValues] = useState(options.initial)
  const [errors, setErrors] = useState<Errors>({})
  const [problem, setProblem] = useState<unknown>()
  const [busy, setBusy] = useState(false)
  const form = useFocusOnError(errors)

  const set: Form<V>['set'] = (name, value) => {
    setValues((now) => ({ ...now, [name]: value }))
    setErrors(({ [name as string]: _gone, ...others }) => others)
  }
  const send = async (overwrite: boolean) => {
    setProblem(undefined)
    const found = withoutBlanks(options.check?.(values) ?? {})
    setErrors(found)
    if (Object.keys(found).length > 0) return
    setBusy(true)
    try {
      await options.submit(values, overwrite)
    } catch (error) {
      const atFields = faultsOf(error, Object.keys(values))
      setErrors(atFields)
      if (Object.keys(atFields).length === 0) setProblem(error)
    } finally {
      setBusy(false)
    }
  }
  return {
    values,
    set,
    text: (name) => ({
      name,
      value: String(values[name] ?? ''),
      error: errors[name],
      // Only text fields are bound so: their values are strings.
      onChange: (value) => set(name, value as V[typeof name]),
    }),
    problem,
    clearProblem: () => setProblem(undefined),
    busy,
    changed: JSON.stringify(values) !== JSON.stringify(options.initial),
    send: () => send(false),
    reset: () => {
      setValues(options.initial)
      setErrors({})
      setProblem(undefined)
    },
    overwrite: () => send(true),
    formProps: { ref: form, noValidate: true, onSubmit: submitWith(() => send(false), busy) },
  }
}

function submitWith(send: () => Promise<void>, busy: boolean) {
  return (event: FormEvent) => {
    event.preventDefault()
    if (!busy) void send()
  }
}

function useFocusOnError(errors: Errors) {
  const form = useRef<HTMLFormElement>(null)
  useEffect(() => {
    if (Object.keys(errors).length === 0) return
    form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus()
  }, [errors])
  return form
}

/** The faults of a reply by field: `/name` and `/name/0` are faults of `name`. */
function faultsOf(error: unknown, names: string[]): Errors {
  if (!(error instanceof ApiProblem)) return {}
  const known = error.errors
    .map((it) => ({
      name: it.pointer.split('/')[1] ?? '',
      // A conflict has a code of its own, for which the pages may have words.
      text: error.status === 409 ? textOf(error) : faultText(it),
    }))
    .filter(({ name }) => names.includes(name))
  return Object.fromEntries(known.map(({ name, text }) => [name, text]))
}

function withoutBlanks(errors: Partial<Record<string, string>>): Errors {
  const filled = Object.entries(errors).filter((it): it is [string, string] => it[1] !== undefined)
  return Object.fromEntries(filled)
}
