import { type ComponentType, useState } from 'react'
import { toastProblem } from './toast.tsx'

/** Loads the code of a popup when its button is first used. Until then the button has the properties of `button`. */
export function useLazyPopup<Props>(load: () => Promise<ComponentType<Props>>) {
  const [popup, setPopup] = useState<{ Popup: ComponentType<Props>; startsOpen: boolean }>()
  const prepare = (opens: boolean) => {
    load().then(
      (Popup) =>
        setPopup((before) => ({ Popup, startsOpen: opens || (before?.startsOpen ?? false) })),
      (problem: unknown) => {
        if (opens) toastProblem(problem)
      },
    )
  }
  return { popup, button: { onPointerEnter: () => prepare(false), onClick: () => prepare(true) } }
}
