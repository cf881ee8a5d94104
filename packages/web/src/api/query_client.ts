import { QueryClient, useQueryClient } from '@tanstack/react-query'
import { ApiProblem } from 'tenantry-client'

const RETRIES = 2
const RETRY_MS = 1_000

/** The cache of what was read. A key begins with the noun, which every change of it marks as old. */
export function createQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        // A browser's word for offline is unreliable: the request itself shows it.
        networkMode: 'always',
        refetchOnReconnect: true,
        staleTime: 5_000,
        retry: (failures, error) => failures < RETRIES && isTemporary(error),
        retryDelay: RETRY_MS,
      },
      mutations: { networkMode: 'always' },
    },
  })
}

// Such as a proxy whose server restarts. The client itself has repeated what says when to try again.
function isTemporary(error: unknown): boolean {
  return (
    error instanceof ApiProblem &&
    [502, 503].includes(error.status) &&
    error.retryAfter === undefined
  )
}

/** Marks what was read of these nouns as old: what is on the page is read again. */
export function useRefresh(): (...nouns: string[]) => Promise<void> {
  const client = useQueryClient()
  return async (...nouns) => {
    await Promise.all(nouns.map((noun) => client.invalidateQueries({ queryKey: [noun] })))
  }
}
