import { useNavigate, useSearch } from '@tanstack/react-router'

/** The filters of a list. They are in the address: a link and the way back show the same list. */
export type Filters = Readonly<Record<string, string | undefined>>

/** Reads the filters of the address, and a function that changes some of them. */
export function useFilters(): [Filters, (changes: Filters) => void] {
  const search: Filters = useSearch({ strict: false })
  const navigate = useNavigate()
  const change = (changes: Filters) => {
    const given = Object.entries({ ...search, ...changes }).filter(([, value]) => value)
    // Replaced, because each letter of a search would otherwise be a step of the way back. The router types
    // the search of a known page; this runs on any of them.
    void navigate({ to: '.', search: Object.fromEntries(given) as never, replace: true })
  }
  return [search, change]
}

/** Every value is a text: the router's own parser makes numbers of ids that look like one. */
export const searchText = {
  parseSearch: (text: string): Record<string, string> =>
    Object.fromEntries(new URLSearchParams(text)),
  stringifySearch: (values: Record<string, unknown>): string => {
    const given = Object.entries(values).filter(([, value]) => value !== undefined)
    const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString()
    return text === '' ? '' : `?${text}`
  },
}
