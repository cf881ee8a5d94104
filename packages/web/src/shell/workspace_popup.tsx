import { Popover } from '@base-ui/react/popover'
import type { KeyboardEvent } from 'react'
import { useTranslation } from 'react-i18next'
import { Icon } from '../ui/icons.tsx'
import { usePopupContainer } from '../ui/use_popup_container.ts'
import type { Brand } from './brand.tsx'
import { OtherWorkspaces } from './other_workspaces.tsx'
import { SwitcherButton } from './switcher_button.tsx'

interface WorkspacePopupProps {
  brand: Brand
  /** The subdomain of the workspace that the person is in. */
  here: string
  /** Where a person finds the workspaces of another address. */
  findUrl: string
}

/** The person's other workspaces, below the name of this one. */
export function WorkspacePopup({ brand, here, findUrl }: WorkspacePopupProps) {
  const { t } = useTranslation(['console', 'auth'])
  const { container, setControl } = usePopupContainer()
  return (
    <Popover.Root defaultOpen>
      <span ref={setControl} className="contents">
        <Popover.Trigger render={(props) => <SwitcherButton brand={brand} {...props} />} />
      </span>
      <Popover.Portal container={container}>
        <Popover.Positioner
          positionMethod="fixed"
          sideOffset={6}
          align="start"
          className="z-40 outline-none"
        >
          <Popover.Popup
            aria-label={t('workspaces.title')}
            onKeyDown={onKey}
            className="flex max-h-[min(28rem,var(--available-height))] w-72 max-w-(--available-width) max-md:w-(--anchor-width) animate-enter flex-col rounded-xl bg-surface shadow-raised outline-none ring-1 ring-line"
          >
            <OtherWorkspaces here={here} />
            <a
              href={findUrl}
              className="m-1 flex h-8 shrink-0 items-center gap-2.5 rounded-lg px-2.5 text-sm text-muted outline-none hover:bg-hover hover:text-text focus-visible:bg-hover focus-visible:text-text max-sm:h-10"
            >
              <Icon name="search" className="size-4 opacity-80" />
              {t('auth:find.other')}
            </a>
          </Popover.Popup>
        </Popover.Positioner>
      </Popover.Portal>
    </Popover.Root>
  )
}

/** The arrows go through the list, and Enter in the field opens what it found first. */
function onKey(event: KeyboardEvent<HTMLElement>): void {
  const { key, target, currentTarget: popup } = event
  if (key === 'Enter' && target instanceof HTMLInputElement) {
    popup.querySelector<HTMLElement>('li a')?.click()
  }
  if (key !== 'ArrowDown' && key !== 'ArrowUp') return
  event.preventDefault()
  const stops = [...popup.querySelectorAll<HTMLElement>('input, a')]
  const at = stops.findIndex((it) => it.matches(':focus'))
  const next = key === 'ArrowDown' ? at + 1 : Math.max(at, 0) - 1
  stops.at(next % stops.length)?.focus()
}
