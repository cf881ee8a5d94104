import { type UseQueryResult, useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { useId } from 'react'
import type { Client, ListPage, paths } from 'tenantry-client'
import { api } from './client.ts'
import type { ApiHooks, List, Version } from './hooks.ts'

/** The hooks that read what every app has. */
export const { useItem, useVersion, useWhole, useList } = apiOf<paths>()

/**
 * The client of this origin and the hooks that read with it, for an app with operations of its own. `Paths`
 * are the types that `tenantry generate` writes.
 */
export function apiOf<Paths extends object>(): ApiHooks<Paths> {
  const hooks = {
    api,
    useItem: useAnyItem,
    useVersion: useAnyVersion,
    useWhole: useAnyWhole,
    useList: useAnyList,
    reference: (noun: string, given: object) => ({ noun, ...given }),
  }
  // The types of the operations exist in `Paths` only; at run time a path and its parameters suffice.
  return hooks as unknown as ApiHooks<Paths>
}

interface Given {
  path?: Record<string, string>
  query?: Record<string, unknown>
  enabled?: boolean
}

/** `useItem` of any operation. */
export function useAnyItem(
  noun: string,
  path: string,
  given: Given = {},
): UseQueryResult<Version<unknown>> {
  const { enabled = true, ...params } = given
  return useQuery({
    enabled,
    queryKey: [noun, path, params],
    queryFn: ({ signal }) => read(path, params, signal),
  })
}

function useAnyVersion(noun: string, path: string, given: Given = {}) {
  return useQuery({
    queryKey: [noun, path, given, 'version', useId()],
    queryFn: ({ signal }) => read(path, given, signal),
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
    refetchOnWindowFocus: false,
    refetchOnReconnect: false,
  })
}

function useAnyWhole(noun: string, path: string, given: Given = {}) {
  return useQuery({
    queryKey: [noun, path, given, 'whole'],
    queryFn: async ({ signal }) => {
      const items: unknown[] = []
      for await (const it of anyApi.items(anyPath(path), { ...initOf(given), signal }))
        items.push(it)
      return items
    },
  })
}

/** `useList` of any operation. */
export function useAnyList(noun: string, path: string, given: Given = {}): List<unknown> {
  const { path: named, query, enabled = true } = given
  const list = useInfiniteQuery({
    enabled,
    queryKey: [noun, path, { path: named, query }, 'list'],
    initialPageParam: undefined as string | undefined,
    queryFn: async ({ pageParam, signal }) => {
      const page = {
        ...(named && { path: named }),
        query: { limit: 50, ...query, cursor: pageParam },
      }
      return (await read(path, page, signal)).data
    },
    getNextPageParam: (last) => last.next_cursor ?? undefined,
    // What was typed into a search shows the last result until the next is there.
    placeholderData: (before) => before,
    select: ({ pages }) => pages.flatMap((it) => it.items),
  })
  return {
    // Only the parts of a result that both kinds of queries have are used.
    query: list as unknown as UseQueryResult<unknown[]>,
    hasMore: list.hasNextPage,
    busy: list.isFetchingNextPage,
    more: () => void list.fetchNextPage(),
  }
}

async function read(path: string, given: Given, signal: AbortSignal) {
  // The reply itself cannot be compared with that of another reading.
  const { data, etag } = await anyApi.GET(anyPath(path), { ...initOf(given), signal })
  return { data, etag }
}

function initOf({ path, query = {} }: Given) {
  const filled = Object.entries(query).filter(([, value]) => value !== undefined && value !== '')
  return { params: { ...(path && { path }), query: Object.fromEntries(filled) } }
}

// The hooks above take any path. They are typed by ApiHooks, and the client by a path that stands for all.
type AnyPath = '/api/{path}'
const anyApi = api as unknown as Client<Record<AnyPath, { get: AnyOperation }>>
const anyPath = (path: string) => path as AnyPath

interface AnyOperation {
  parameters: { path?: Record<string, string>; query?: Record<string, unknown> }
  responses: { 200: { content: { 'application/json': ListPage<unknown> } } }
}
