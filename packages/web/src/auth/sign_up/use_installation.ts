import { useEffect, useState } from 'react'
import type { components } from 'tenantry-client'
import { api } from '../../api/client.ts'

export type Installation = components['schemas']['Installation']

/** What the pages of APP_HOST show. At the host of a workspace there is no such thing. */
export function useInstallation(): { installation?: Installation; problem?: unknown } {
  const [found, setFound] = useState<{ installation?: Installation; problem?: unknown }>({})
  useEffect(() => {
    api.GET('/api/installation').then(
      ({ data }) => setFound({ installation: data }),
      (problem: unknown) => setFound({ problem }),
    )
  }, [])
  return found
}

/** The host of a workspace, without the subdomain: `.example.com`. */
export function suffixOf({ tenant_origin }: Installation): string {
  const [, suffix = ''] = /\{tenant\}(.*)$/.exec(tenant_origin) ?? []
  return suffix
}
