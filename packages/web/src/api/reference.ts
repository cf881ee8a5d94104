import { type Access, mayOpen } from '../page.ts'
import { useSession } from '../session/session.tsx'
import type { List } from './hooks.ts'
import { useAnyItem, useAnyList } from './query.ts'

/** What a field refers to: a list to choose from, and the name of each of its rows. `reference` of `apiOf` makes it. */
export interface Reference {
  /** The noun that `useRefresh` knows the rows by. */
  noun: string
  /** The path of the list: `/api/projects`. */
  list: string
  /** The path of one row, which ends in its id: `/api/projects/{project_id}`. */
  item: string
  /** Who may read both. */
  access: Access
  /** Does the list take `q`? Otherwise the browser reads it to its end to search it. */
  search: boolean
  /** The name of a row: where this is empty, the id. */
  name: (row: unknown) => string
}

/** May the actor read what a field refers to? */
export function useMayRead(reference: Reference): boolean {
  return mayOpen(reference, useSession().permissionSet)
}

/** The rows to choose from, of a list without a search all that were read so far. */
export function useChoices({ noun, list, search }: Reference, q: string): List<unknown> {
  return useAnyList(noun, list, { query: search ? { q, limit: 20 } : { limit: 100 } })
}

/** The name of a row: its id if it cannot be read, undefined until it has been. */
export function useNameOf(reference: Reference, id: string): string | undefined {
  const isAsked = useMayRead(reference) && id !== ''
  // A page of the list first: a table has many rows, and each would be a request.
  const { query } = useAnyList(reference.noun, reference.list, {
    query: { limit: 100 },
    enabled: isAsked,
  })
  const listed = query.data?.find((it) => idOf(it) === id)
  const [, parameter = 'id'] = /\{(\w+)\}$/.exec(reference.item) ?? []
  const one = useAnyItem(reference.noun, reference.item, {
    path: { [parameter]: id },
    enabled: isAsked && query.isFetched && listed === undefined,
  })
  if (!isAsked || one.isError) return id
  const row = listed ?? one.data?.data
  return row === undefined ? undefined : reference.name(row) || id
}

/** The id of a row of any list. */
export function idOf(row: unknown): string {
  return (row as { id: string }).id
}
