import { type ReactNode, useEffect } from 'react'
import { useTranslation } from 'react-i18next'
import { Button, type ButtonLook } from '../button.tsx'
import { DialogActions } from '../dialog.tsx'
import type { Form } from './form.ts'
import { FormProblem } from './notice.tsx'

interface DialogFormProps<V> {
  form: Form<V>
  /** Reads the latest version, where the form changes something that exists. */
  reload?: () => void
  /** What is written on the button; the default is to save. */
  action?: string
  /** How that button looks; `danger` for an act that cannot be taken back. */
  look?: ButtonLook['look']
  onClose: () => void
  children: ReactNode
}

/** The form of a dialog: its fields, what failed, and the buttons to store it or not. */
export function DialogForm<V>(props: DialogFormProps<V>) {
  const { form, reload, action, look = 'primary', onClose, children } = props
  const { t } = useTranslation('console')
  const { ref } = form.formProps
  useEffect(
    () => ref.current?.querySelector<HTMLElement>('input, textarea, select')?.focus(),
    [ref],
  )
  return (
    <form {...form.formProps} className="grid gap-4">
      <FormProblem form={form} {...(reload && { reload })} />
      {children}
      <DialogActions>
        <Button onClick={onClose}>{t('action.cancel')}</Button>
        <Button type="submit" look={look} busy={form.busy} disabled={!form.changed}>
          {action ?? t('action.save')}
        </Button>
      </DialogActions>
    </form>
  )
}
