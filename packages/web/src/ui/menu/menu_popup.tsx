import { Menu } from '@base-ui/react/menu'
import { classNames } from '../class_names.ts'
import { Icon } from '../icons.tsx'
import { usePopupContainer } from '../use_popup_container.ts'
import { type MenuProps, MenuTrigger } from './menu_trigger.tsx'

/** The menu itself: arrow keys, typing ahead, closing. HTML has no element for it. */
export function MenuPopup({ label, items, trigger }: MenuProps) {
  const { container, setControl } = usePopupContainer()
  return (
    <Menu.Root defaultOpen modal={false}>
      <span ref={setControl} className="contents">
        <Menu.Trigger
          render={(props) => <MenuTrigger label={label} {...(trigger && { trigger })} {...props} />}
        />
      </span>
      <Menu.Portal container={container}>
        <Menu.Positioner
          positionMethod="fixed"
          sideOffset={6}
          align="end"
          className="z-40 outline-none"
        >
          <Menu.Popup className="grid min-w-44 animate-enter rounded-xl bg-surface p-1 shadow-raised outline-none ring-1 ring-line">
            {items.map((it) => (
              <Menu.Item
                key={it.label}
                onClick={it.act}
                className={classNames(
                  'flex h-8 cursor-default select-none items-center gap-2.5 rounded-lg px-2.5 text-sm outline-none data-highlighted:bg-hover max-sm:h-10',
                  it.danger && 'text-danger-text data-highlighted:bg-danger-soft',
                )}
              >
                {it.icon && <Icon name={it.icon} className="size-4 opacity-80" />}
                {it.label}
              </Menu.Item>
            ))}
          </Menu.Popup>
        </Menu.Positioner>
      </Menu.Portal>
    </Menu.Root>
  )
}
