import { useState } from 'react'
import { useItem, useList } from '../../api/query.ts'
import type { Member } from '../../api/schema.ts'
import { Combobox, type ComboboxProps, type Option } from '../../ui/form/combobox.tsx'

type Look = Pick<ComboboxProps, 'placeholder' | 'className' | 'input' | 'isInvalid' | 'onChange'>

interface MemberComboboxProps extends Look {
  value: string
  /** Which members are offered. The default is all. */
  among?: { state?: 'active'; except?: string }
}

/** Searches the members on the server while the person types. */
export function MemberCombobox({ value, among = {}, ...look }: MemberComboboxProps) {
  const [q, search] = useState('')
  const { query } = useList('members', '/api/members', {
    query: { q, state: among.state, limit: 20 },
  })
  const found = (query.data ?? []).filter((it) => it.id !== among.except)
  return (
    <Combobox
      {...look}
      options={found.map(optionOf)}
      busy={query.isFetching}
      isSearched
      onSearch={search}
      value={value}
      chosen={useChosen(value)}
    />
  )
}

function optionOf({ id, full_name, email }: Member): Option {
  return { id, name: full_name || email, hint: email }
}

/** The member of the id in the address, who may be on no page of the list that was read. */
function useChosen(id: string): Option | undefined {
  const { data } = useItem('members', '/api/members/{user_id}', {
    path: { user_id: id },
    enabled: id !== '',
  })
  return data && optionOf(data.data)
}
