import { type ComponentType, useState } from 'react'
import { toastProblem } from './toast.tsx'

/**
 * Loads the code of a popup when the pointer reaches its button, and replaces the button by the open popup, which
 * brings one of its own, when it is clicked. Not before: a button that is replaced while it is pressed gets no click.
 * Until then the button has the properties of `button`.
 */
export function useLazyPopup<Props>(load: () => Promise<ComponentType<Props>>) {
  const [Popup, setPopup] = useState<ComponentType<Props>>()
  const preload = () => void load().catch(() => {})
  const open = () => void load().then((it) => setPopup(() => it), toastProblem)
  return { Popup, button: { onPointerEnter: preload, onClick: open } }
}
