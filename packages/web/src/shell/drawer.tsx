import { type ReactNode, useEffect, useRef } from 'react'
import { Toasts } from '../ui/toast.tsx'

interface DrawerProps {
  label: string
  onClose: () => void
  children: ReactNode
}

/** The navigation over the page, on narrow screens. */
export function Drawer({ label, onClose, children }: DrawerProps) {
  const dialog = useRef<HTMLDialogElement>(null)
  useEffect(() => dialog.current?.showModal(), [])
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape closes a dialog already.
    <dialog
      ref={dialog}
      aria-label={label}
      onClose={onClose}
      onClick={(event) => {
        if (event.target === dialog.current) onClose()
      }}
      className="m-0 h-dvh w-[min(18rem,85vw)] animate-slide-left bg-canvas shadow-raised open:flex"
    >
      <div className="flex min-h-0 w-full flex-col">{children}</div>
      {/* Those of the page are behind it. */}
      <Toasts />
    </dialog>
  )
}
