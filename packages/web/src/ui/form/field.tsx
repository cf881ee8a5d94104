import {
  type InputHTMLAttributes,
  type ReactNode,
  type SelectHTMLAttributes,
  type TextareaHTMLAttributes,
  useId,
  useState,
} from 'react'
import { useTranslation } from 'react-i18next'
import { classNames } from '../class_names.ts'
import { Icon } from '../icons.tsx'

const control =
  'w-full rounded-lg bg-surface text-text ring-1 ring-inset ring-control-line shadow-soft transition-shadow placeholder:text-faint hover:ring-muted focus:outline-none focus-visible:ring-2 focus-visible:ring-accent aria-invalid:ring-danger-text disabled:opacity-60'
const line = 'h-9 px-3 text-base max-sm:h-11 max-sm:text-lg'

/** The look of a control of one line. */
export const lineClass = classNames(control, line)

interface FieldProps {
  label: ReactNode
  /** A line below the control that says what is expected. */
  hint?: ReactNode
  /** What is wrong with the value. */
  error?: string | undefined
  /** The label is for screen readers only. */
  hideLabel?: boolean
}

interface Described {
  id: string
  'aria-describedby': string | undefined
  'aria-invalid': true | undefined
}

/** The frame of a control: its label, hint and error, which it is described by. */
export function Field(
  props: FieldProps & { action?: ReactNode; children: (it: Described) => ReactNode },
) {
  const { label, hint, error, action, hideLabel = false, children } = props
  const id = useId()
  const described = [error && `${id}-error`, hint && `${id}-hint`].filter(Boolean).join(' ')
  return (
    <div className="grid min-w-0 gap-1.5">
      <div className={hideLabel ? 'sr-only' : 'flex items-baseline justify-between gap-4'}>
        <label htmlFor={id} className="text-sm font-medium">
          {label}
        </label>
        {action}
      </div>
      {children({
        id,
        'aria-describedby': described || undefined,
        'aria-invalid': error === undefined ? undefined : true,
      })}
      {error !== undefined && (
        <p id={`${id}-error`} className="flex items-start gap-1.5 text-sm text-danger-text">
          <Icon name="alert" className="mt-0.5 size-3.5" />
          <span className="min-w-0 break-words">{error}</span>
        </p>
      )}
      {hint !== undefined && (
        <p id={`${id}-hint`} className="text-sm text-muted">
          {hint}
        </p>
      )}
    </div>
  )
}

type Change = { onChange?: (value: string) => void }
type Input = Omit<InputHTMLAttributes<HTMLInputElement>, 'onChange'> & Change & FieldProps

/** One line of text. */
export function TextField({ label, hint, error, hideLabel, onChange, ...rest }: Input) {
  return (
    <Field {...{ label, hint, error }} {...(hideLabel && { hideLabel })}>
      {(described) => (
        <input
          type="text"
          {...rest}
          {...described}
          onChange={(event) => onChange?.(event.target.value)}
          className={classNames(lineClass, 'read-only:bg-sunken')}
        />
      )}
    </Field>
  )
}

/** A password, which the person can show. */
export function PasswordField({
  label,
  hint,
  error,
  action,
  onChange,
  ...rest
}: Input & { action?: ReactNode }) {
  const { t } = useTranslation('auth')
  const [isShown, show] = useState(false)
  return (
    <Field {...{ label, hint, error, action }}>
      {(described) => (
        <div className="relative">
          <input
            {...rest}
            {...described}
            type={isShown ? 'text' : 'password'}
            spellCheck={false}
            autoCapitalize="none"
            onChange={(event) => onChange?.(event.target.value)}
            className={classNames(lineClass, 'pr-10')}
          />
          <button
            type="button"
            aria-label={t(isShown ? 'form.hidePassword' : 'form.showPassword')}
            aria-pressed={isShown}
            onClick={() => show(!isShown)}
            className="absolute inset-y-0 right-0 grid w-10 place-items-center rounded-lg text-muted hover:text-text focus-visible:-outline-offset-2"
          >
            <Icon name={isShown ? 'eyeOff' : 'eye'} />
          </button>
        </div>
      )}
    </Field>
  )
}

type Area = Omit<TextareaHTMLAttributes<HTMLTextAreaElement>, 'onChange'> & Change & FieldProps

/** Text of several lines. */
export function TextArea({ label, hint, error, onChange, ...rest }: Area) {
  return (
    <Field {...{ label, hint, error }}>
      {(described) => (
        <textarea
          rows={3}
          {...rest}
          {...described}
          onChange={(event) => onChange?.(event.target.value)}
          className={classNames(control, 'px-3 py-2 text-base max-sm:text-lg')}
        />
      )}
    </Field>
  )
}

type Choice = Omit<SelectHTMLAttributes<HTMLSelectElement>, 'onChange'> & Change & FieldProps

/** One of a few values; its children are `<option>`. */
export function Select({ label, hint, error, hideLabel, onChange, children, ...rest }: Choice) {
  return (
    <Field {...{ label, hint, error }} {...(hideLabel && { hideLabel })}>
      {(described) => (
        <div className="relative">
          <select
            {...rest}
            {...described}
            onChange={(event) => onChange?.(event.target.value)}
            className={classNames(lineClass, 'appearance-none pr-9')}
          >
            {children}
          </select>
          <Icon
            name="chevron"
            className="pointer-events-none absolute right-2.5 top-1/2 size-4 -translate-y-1/2 text-muted"
          />
        </div>
      )}
    </Field>
  )
}
