import { type ReactNode, useEffect, useId, useRef } from 'react'
import { useTranslation } from 'react-i18next'
import { IconButton } from './button.tsx'
import { classNames } from './class_names.ts'

interface DialogProps {
  title: ReactNode
  description?: ReactNode
  /** Called when the person closes it: by Escape, the cross or a click beside it. */
  onClose: () => void
  /** A panel at the side instead of a box in the middle. */
  side?: boolean
  /** A click beside it does nothing: what was typed would be lost. */
  keep?: boolean
  children: ReactNode
  /** Buttons below the content; the main one comes last. */
  footer?: ReactNode
}

const middle =
  'm-auto w-[min(30rem,calc(100vw-2rem))] max-h-[min(44rem,calc(100dvh-2rem))] rounded-xl animate-enter'
const atSide = 'my-0 ml-auto mr-0 h-dvh w-[min(28rem,100vw)] animate-slide'

/** A modal dialog, open as long as it is rendered. The browser keeps the focus in it and gives it back. */
export function Dialog(props: DialogProps) {
  const { title, description, onClose, side = false, keep = false, children, footer } = props
  const { t } = useTranslation('console')
  const dialog = useRef<HTMLDialogElement>(null)
  const id = useId()
  useEffect(() => {
    const before = document.activeElement
    dialog.current?.showModal()
    focusFirst(dialog.current)
    return () => {
      // React removes the element before the browser has given the focus back.
      if (before instanceof HTMLElement && before.isConnected) before.focus()
    }
  }, [])
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape closes a dialog already.
    <dialog
      ref={dialog}
      aria-labelledby={`${id}-title`}
      aria-describedby={description === undefined ? undefined : `${id}-description`}
      onCancel={(event) => {
        event.preventDefault()
        onClose()
      }}
      onClick={(event) => {
        if (event.target === dialog.current && !keep) onClose()
      }}
      className={classNames('bg-surface shadow-raised open:flex', side ? atSide : middle)}
    >
      <div className="flex min-h-0 w-full flex-col">
        <header className="flex items-start gap-4 px-6 pb-1 pt-5">
          <div className="grid min-w-0 flex-1 gap-1">
            <h2 id={`${id}-title`} className="break-words text-lg font-semibold tracking-tight">
              {title}
            </h2>
            {description !== undefined && (
              <p id={`${id}-description`} className="break-words text-muted">
                {description}
              </p>
            )}
          </div>
          <IconButton
            icon="close"
            label={t('action.close')}
            onClick={onClose}
            className="-mr-2 -mt-1"
          />
        </header>
        <div data-content className="min-h-0 flex-1 overflow-y-auto px-6 py-4">
          {children}
        </div>
        {footer !== undefined && (
          <footer className="flex flex-wrap justify-end gap-2 border-t border-line px-6 py-4">
            {footer}
          </footer>
        )}
      </div>
    </dialog>
  )
}

/** The buttons below a form in a dialog: they stay in sight while it scrolls. The main one comes last. */
export function DialogActions({ children }: { children: ReactNode }) {
  return (
    <div className="sticky -bottom-4 -mx-6 -mb-4 mt-2 flex flex-wrap justify-end gap-2 border-t border-line bg-surface px-6 py-4">
      {children}
    </div>
  )
}

// The browser would choose the cross. What is asked comes first, and before an act the way out of it.
function focusFirst(dialog: HTMLDialogElement | null): void {
  const field = dialog?.querySelector<HTMLElement>(
    '[data-content] :is(input, select, textarea):not(:disabled, [readonly])',
  )
  const chosen = field ?? dialog?.querySelector<HTMLElement>('footer button')
  chosen?.focus()
}
