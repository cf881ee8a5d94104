import { lazy, type ReactNode, Suspense } from 'react'
import { useTranslation } from 'react-i18next'
import { type Reference, useMayRead, useNameOf } from '../../api/reference.ts'
import { classNames } from '../class_names.ts'
import { Field, lineClass, TextField } from './field.tsx'

const ReferenceCombobox = lazy(async () => ({
  default: (await import('./reference_combobox.tsx')).ReferenceCombobox,
}))

interface ReferenceFieldProps {
  /** What the field refers to. */
  of: Reference
  label: ReactNode
  hint?: ReactNode
  error?: string | undefined
  /** The id of the chosen row, or "". */
  value: string
  onChange: (id: string) => void
}

/** The choice of a row by its name. For an actor who may not read the rows, the id as text. */
export function ReferenceField({ of, label, hint, error, value, onChange }: ReferenceFieldProps) {
  const { t } = useTranslation('auth')
  if (!useMayRead(of)) return <TextField {...{ label, hint, error, value, onChange }} />
  const loading = <div className={lineClass}>{t('form.loading')}</div>
  return (
    <Field {...{ label, hint, error }}>
      {({ 'aria-invalid': isInvalid, ...input }) => (
        <Suspense fallback={loading}>
          <ReferenceCombobox
            reference={of}
            value={value}
            onChange={onChange}
            input={input}
            isInvalid={isInvalid === true}
            placeholder={undefined}
            className={classNames(lineClass, 'pr-9')}
          />
        </Suspense>
      )}
    </Field>
  )
}

/** The name of a row that another one refers to: its id where the actor may not read it. */
export function ReferenceName({ of, id }: { of: Reference; id: string }) {
  const name = useNameOf(of, id)
  return <span dir="auto">{name}</span>
}
