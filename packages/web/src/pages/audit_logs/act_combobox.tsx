import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useSession } from '../../session/session.tsx'
import { Combobox, type ComboboxProps, type Option } from '../../ui/form/combobox.tsx'
import { actText, knownActions } from './act_text.ts'

interface ActComboboxProps extends Pick<ComboboxProps, 'value' | 'placeholder' | 'className'> {
  label: string
  onChange: (action: string) => void
}

/** Searches the actions by their words and their codes. A code that is typed in full need not be known. */
export function ActCombobox({ value, label, onChange, ...look }: ActComboboxProps) {
  const { i18n } = useTranslation('console')
  const { permissions } = useSession()
  const [typed, search] = useState('')
  const { compare } = new Intl.Collator(i18n.language)
  const all = knownActions(permissions)
    .map(optionOf)
    .sort((a, b) => compare(a.name, b.name))
  return (
    <Combobox
      {...look}
      options={matches(all, typed.trim())}
      isSearched
      onSearch={search}
      onChange={(action) => {
        search('')
        onChange(action)
      }}
      value={value}
      chosen={value === '' ? undefined : optionOf(value)}
      input={{ 'aria-label': label }}
    />
  )
}

function optionOf(action: string): Option {
  return { id: action, name: actText(action), hint: action }
}

function matches(all: Option[], typed: string): Option[] {
  const wanted = typed.toLocaleLowerCase()
  const found = all.filter(({ id, name }) => `${name} ${id}`.toLocaleLowerCase().includes(wanted))
  const isCode = /^\w+(\.\w+)+$/.test(typed)
  if (!isCode) return found
  const others = found.filter(({ id }) => id !== typed)
  // The code itself goes first: it may begin others, as users.delete does users.delete_request.
  return [optionOf(typed), ...others]
}
