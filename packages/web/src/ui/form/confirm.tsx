import { type ReactNode, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Button } from '../button.tsx'
import { Dialog } from '../dialog.tsx'
import { TextField } from './field.tsx'
import { useForm } from './form.ts'
import { ProblemNotice } from './notice.tsx'

interface ConfirmProps {
  title: string
  /** What will happen. */
  children: ReactNode
  /** The name of the act: it is written on the button. */
  action: string
  /** The name that has to be typed, where the act cannot be taken back. */
  name?: string
  act: () => Promise<unknown>
  onClose: () => void
}

/** Asks before an act that takes something away. */
export function Confirm({ title, children, action, name, act, onClose }: ConfirmProps) {
  const { t } = useTranslation('console')
  const [typed, setTyped] = useState('')
  const form = useForm({
    initial: {},
    submit: async () => {
      await act()
      onClose()
    },
  })
  const isReady = name === undefined || sameName(typed, name)
  return (
    <Dialog
      title={title}
      onClose={onClose}
      footer={
        <>
          <Button onClick={onClose}>{t('action.cancel')}</Button>
          <Button
            look="danger"
            busy={form.busy}
            disabled={!isReady}
            onClick={() => void form.send()}
          >
            {action}
          </Button>
        </>
      }
    >
      <form
        {...form.formProps}
        onSubmit={(event) => {
          if (isReady) form.formProps.onSubmit(event)
          else event.preventDefault()
        }}
        className="grid gap-4"
      >
        <div className="break-words">{children}</div>
        {name !== undefined && (
          <TextField
            label={t('confirm.name', { name })}
            autoComplete="off"
            spellCheck={false}
            value={typed}
            onChange={setTyped}
          />
        )}
        <ProblemNotice problem={form.problem} />
      </form>
    </Dialog>
  )
}

// Spaces at the ends cannot be seen, so they cannot be asked for.
function sameName(typed: string, name: string): boolean {
  return typed.trim() === name.trim()
}
