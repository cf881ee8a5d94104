import { useEffect, useState } from 'react'
import { idOf, type Reference, useChoices, useNameOf } from '../../api/reference.ts'
import { Combobox, type ComboboxProps } from './combobox.tsx'

type Look = Pick<ComboboxProps, 'placeholder' | 'className' | 'input' | 'isInvalid' | 'onChange'>

/** Searches the rows that a field refers to. */
export function ReferenceCombobox(props: Look & { reference: Reference; value: string }) {
  const { reference, value, ...look } = props
  const [q, search] = useState('')
  const { query, hasMore, busy, more } = useChoices(reference, q)
  const name = useNameOf(reference, value)
  const options = (query.data ?? []).map((row) => {
    const id = idOf(row)
    return { id, name: reference.name(row) || id }
  })
  const isIncomplete = !reference.search && q !== '' && hasMore && !busy
  useEffect(() => {
    if (isIncomplete) more()
  })
  return (
    <Combobox
      {...look}
      options={options}
      busy={query.isFetching || busy}
      isSearched={reference.search}
      onSearch={search}
      onEnd={() => {
        if (hasMore && !busy) more()
      }}
      value={value}
      chosen={name === undefined ? undefined : { id: value, name }}
    />
  )
}
