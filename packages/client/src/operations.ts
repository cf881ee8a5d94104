import type { Client as FetchClient, MaybeOptionalInit, MethodResponse } from 'openapi-fetch'
import type { HttpMethod, PathsWithMethod, RequiredKeysOf } from 'openapi-typescript-helpers'

/** The paths of an API that have a GET. */
export type GetPath<Paths extends object> = PathsWithMethod<Paths, 'get'>

/** The paths whose GET replies a page of a list. */
export type ListPath<Paths extends object> = {
  [Path in GetPath<Paths>]: DataOf<Paths, 'get', Path> extends ListPage<unknown> ? Path : never
}[GetPath<Paths>]

/** One item of a list. */
export type ItemOf<Paths extends object, Path extends keyof Paths> =
  DataOf<Paths, 'get', Path> extends ListPage<infer Item> ? Item : never

/** What an operation replies, undefined if the reply has no content. */
export type DataOf<Paths extends object, Method extends HttpMethod, Path extends keyof Paths> = [
  MethodResponse<FetchClient<Paths>, Method, Path & PathsWithMethod<Paths, Method>>,
] extends [never]
  ? undefined
  : MethodResponse<FetchClient<Paths>, Method, Path & PathsWithMethod<Paths, Method>>

/** Parameters, body, headers, signal. They may be left out if the operation requires none of them. */
export type InitOf<
  Paths extends object,
  Method extends HttpMethod,
  Path extends keyof Paths,
> = Optional<MaybeOptionalInit<Paths[Path], Method & keyof Paths[Path]>>

/** An argument that may be left out if it has no required key. */
export type Optional<Options> =
  RequiredKeysOf<Options> extends never ? [options?: Options] : [options: Options]

/** A page of a list. */
export interface ListPage<Item> {
  items: Item[]
  next_cursor: string | null
}
