import { useState } from 'react'
import { type MenuProps, MenuTrigger } from './menu_trigger.tsx'

type Popup = typeof import('./menu_popup.tsx')['MenuPopup']

/** A button that opens a list of acts. The list's code is loaded when the button is first used. */
export function Menu(props: MenuProps) {
  const [popup, setPopup] = useState<{ MenuPopup: Popup; open: boolean }>()
  const load = (open: boolean) => {
    void import('./menu_popup.tsx').then(({ MenuPopup }) =>
      setPopup((before) => ({ MenuPopup, open: open || (before?.open ?? false) })),
    )
  }
  if (props.items.length === 0) return null
  if (popup !== undefined) return <popup.MenuPopup {...props} startsOpen={popup.open} />
  const { items: _items, ...button } = props
  return <MenuTrigger {...button} onPointerEnter={() => load(false)} onClick={() => load(true)} />
}
