import { useLazyPopup } from '../use_lazy_popup.ts'
import { type MenuProps, MenuTrigger } from './menu_trigger.tsx'

const loadPopup = async () => (await import('./menu_popup.tsx')).MenuPopup

/** A button that opens a list of acts. The list's code is loaded when the button is first used. */
export function Menu(props: MenuProps) {
  const { Popup, button } = useLazyPopup(loadPopup)
  if (props.items.length === 0) return null
  if (Popup !== undefined) return <Popup {...props} />
  const { items: _items, ...look } = props
  return <MenuTrigger {...look} {...button} />
}
