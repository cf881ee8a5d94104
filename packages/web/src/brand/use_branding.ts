import { type UseQueryResult, useQuery } from '@tanstack/react-query'
import { type Branding, readBranding } from './tenant_brand.ts'

/** What people see of the tenant. Code that changes it calls `useRefresh` with `branding`. */
export function useBranding(): UseQueryResult<Branding> {
  return useQuery({
    queryKey: ['branding'],
    queryFn: ({ signal }) => readBranding(signal),
    staleTime: 30_000,
  })
}
