import type { UseQueryResult } from '@tanstack/react-query'
import type { Client, DataOf, GetPath, ItemOf, ListPath, Optional, Reply } from 'tenantry-client'
import type { Access } from '../page.ts'
import type { Reference } from './reference.ts'

/** The client of this origin, and the hooks that read with it. */
export interface ApiHooks<Paths extends object> {
  api: Client<Paths>
  /** One thing: `useItem('members', '/api/members/{user_id}', { path: { user_id } })`. */
  useItem<Path extends GetPath<Paths>>(
    noun: string,
    path: Path,
    ...given: Optional<Given<Paths, Path>>
  ): UseQueryResult<Version<DataOf<Paths, 'get', Path>>>
  /**
   * One thing with its version, to change it in a form. It is read when the form opens, and then only when
   * the form asks or has stored it: a newer version would replace what the person types.
   */
  useVersion<Path extends GetPath<Paths>>(
    noun: string,
    path: Path,
    ...given: Optional<Given<Paths, Path>>
  ): UseQueryResult<Version<DataOf<Paths, 'get', Path>>>
  /** A list that is short by its nature, read to its end. */
  useWhole<Path extends ListPath<Paths>>(
    noun: string,
    path: Path,
    ...given: Optional<Given<Paths, Path>>
  ): UseQueryResult<ItemOf<Paths, Path>[]>
  /** A list of any length, page by page: `useList('members', '/api/members', { query: { q } })`. */
  useList<Path extends ListPath<Paths>>(
    noun: string,
    path: Path,
    ...given: Optional<Given<Paths, Path>>
  ): List<ItemOf<Paths, Path>>
  /** What fields refer to, for `ReferenceField` and `ReferenceName`. */
  reference<ListOf extends ListPath<Paths>, Path extends GetPath<Paths>>(
    noun: string,
    given: {
      list: ListOf
      item: Path
      access: Access
      search: boolean
      name: (row: ItemOf<Paths, ListOf> | DataOf<Paths, 'get', Path>) => string
    },
  ): Reference
}

/** What was read, with its version for `ifMatch`. */
export type Version<Data> = Pick<Reply<Data>, 'data' | 'etag'>

/** A list of any length, page by page. */
export interface List<Item> {
  query: UseQueryResult<Item[]>
  hasMore: boolean
  busy: boolean
  more: () => void
}

/** The parameters of what is read. A parameter of the query that is empty is left out of the request. */
type Given<Paths, Path extends keyof Paths> = PathGiven<ParametersOf<Paths, Path>> &
  QueryGiven<ParametersOf<Paths, Path>> & {
    /** Whether it is read now. The default is true. */
    enabled?: boolean
  }

type ParametersOf<Paths, Path extends keyof Paths> = Paths[Path] extends {
  get: { parameters: infer Parameters }
}
  ? Parameters
  : never

type PathGiven<Parameters> = Parameters extends { path: infer Path } ? { path: Path } : object

type QueryGiven<Parameters> = Parameters extends { query?: infer Query }
  ? { query?: { [Name in keyof Query]?: Query[Name] | '' | undefined } }
  : object
