import { useState } from 'react'

/**
 * Where the popup of a control goes, and the ref of the control. Beside a modal dialog nothing can be seen or used, so
 * the popup of a control inside of one has to be in it, too.
 */
export function usePopupContainer() {
  const [control, setControl] = useState<HTMLElement | null>(null)
  // Base UI waits for the container while it is null.
  const container = control && (control.closest('dialog') ?? document.body)
  return { container, setControl }
}
