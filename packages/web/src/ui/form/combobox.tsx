import { Combobox as Base } from '@base-ui/react/combobox'
import { type UIEvent, useMemo, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Icon } from '../icons.tsx'
import { usePopupContainer } from '../use_popup_container.ts'

/** What can be chosen: its id, its name, and a second line if the name may repeat. */
export interface Option {
  id: string
  name: string
  hint?: string
}

export interface ComboboxProps {
  options: readonly Option[]
  /** The options are still read. */
  busy?: boolean
  /** The id of the chosen one, or "". */
  value: string
  /** The chosen one, undefined until its name has been read. */
  chosen: Option | undefined
  /** Gets the id of the choice, or "". */
  onChange: (id: string) => void
  /** Gets what the person types. */
  onSearch: (text: string) => void
  /** The options are what a search has found; otherwise Base UI searches among their names. */
  isSearched: boolean
  /** The end of the options is in sight. */
  onEnd?: () => void
  placeholder: string | undefined
  /** The look of the control. */
  className: string
  /** Its label: an id in a form, a text among filters. */
  input: { id?: string; 'aria-label'?: string; 'aria-describedby'?: string | undefined }
  isInvalid?: boolean
}

/** A list that is searched while one types: HTML has no element for it, so Base UI comes with it. */
export function Combobox(props: ComboboxProps) {
  const { options, value, onChange, onSearch, isSearched, className } = props
  const [picked, pick] = useState<Option>()
  const chosen = useStable(props.chosen ?? (picked?.id === value ? picked : undefined))
  const { container, setControl } = usePopupContainer()
  return (
    <Base.Root<Option>
      // The text of the input is that of its first value: the name has to be read before.
      key={value !== '' && chosen === undefined ? 'unknown' : 'known'}
      items={options}
      {...(isSearched && { filter: null })}
      // Enter takes the first match of what was typed.
      autoHighlight
      value={value === '' ? null : (chosen ?? null)}
      onValueChange={(option) => {
        pick(option ?? undefined)
        onChange(option?.id ?? '')
      }}
      onInputValueChange={(text, { reason }) => {
        if (reason === 'input-change' || reason === 'input-clear') onSearch(text)
      }}
      itemToStringLabel={(it) => it.name}
      isItemEqualToValue={(a, b) => a.id === b.id}
    >
      <div ref={setControl} className="relative">
        <Base.Input
          {...props.input}
          aria-invalid={props.isInvalid || undefined}
          placeholder={props.placeholder}
          className={className}
        />
        <EndOfControl isEmpty={value === ''} />
      </div>
      <Base.Portal container={container}>
        <Base.Positioner
          positionMethod="fixed"
          sideOffset={6}
          align="end"
          className="z-40 outline-none"
        >
          <Options {...props} />
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  )
}

// Base UI writes the name of another object into the input, over what the person types.
function useStable(option: Option | undefined): Option | undefined {
  const { id, name } = option ?? {}
  return useMemo(
    () => (id === undefined || name === undefined ? undefined : { id, name }),
    [id, name],
  )
}

function EndOfControl({ isEmpty }: { isEmpty: boolean }) {
  const { t } = useTranslation('console')
  if (isEmpty) {
    return (
      <Icon
        name="chevron"
        className="pointer-events-none absolute right-2.5 top-1/2 size-3.5 -translate-y-1/2 text-muted"
      />
    )
  }
  return (
    <Base.Clear
      aria-label={t('list.clear')}
      className="absolute inset-y-0 right-0 grid w-8 place-items-center text-muted hover:text-text"
    >
      <Icon name="close" className="size-3.5" />
    </Base.Clear>
  )
}

function Options({ busy = false, onEnd }: ComboboxProps) {
  const { t } = useTranslation(['console', 'auth'])
  const onScroll = ({ currentTarget: it }: UIEvent) => {
    if (it.scrollHeight - it.scrollTop - it.clientHeight < 100) onEnd?.()
  }
  return (
    <Base.Popup
      onScroll={onScroll}
      className="max-h-[min(20rem,var(--available-height))] w-(--anchor-width) min-w-64 animate-enter overflow-y-auto rounded-xl bg-surface p-1 shadow-raised ring-1 ring-line"
    >
      <Base.Empty className="px-2.5 py-2 text-sm text-muted empty:hidden">
        {busy ? t('auth:form.loading') : t('list.noMatch')}
      </Base.Empty>
      <Base.List>
        {(option: Option) => (
          <Base.Item
            key={option.id}
            value={option}
            className="grid cursor-default select-none rounded-lg px-2.5 py-1.5 text-sm leading-snug outline-none data-highlighted:bg-hover"
          >
            <span className="truncate font-medium" dir="auto">
              {option.name}
            </span>
            {option.hint !== undefined && (
              <span className="truncate text-xs text-muted">{option.hint}</span>
            )}
          </Base.Item>
        )}
      </Base.List>
    </Base.Popup>
  )
}
