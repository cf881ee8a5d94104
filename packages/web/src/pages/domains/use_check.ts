import { useState } from 'react'
import { api } from '../../api/client.ts'
import { useRefresh } from '../../api/query_client.ts'
import type { Domain } from '../../api/schema.ts'

const INTERVAL_MS = 700
const TRIES = 20

/** Has a domain checked, and waits for what the check finds. */
export function useCheck() {
  const refresh = useRefresh()
  const [busy, setBusy] = useState(false)
  return {
    busy,
    untilChecked,
    /** Returns the domain after its check; undefined if that takes longer. */
    async check(domain: Domain): Promise<Domain | undefined> {
      setBusy(true)
      try {
        const params = { path: { domain_id: domain.id } }
        const { data } = await api.POST('/api/domains/{domain_id}/check', { params })
        const checked = await untilChecked(data)
        await refresh('domains')
        return checked
      } finally {
        setBusy(false)
      }
    },
  }
}

// A job does it, within a second where a worker has time.
async function untilChecked({ id, checked_at }: Domain): Promise<Domain | undefined> {
  for (let tries = 0; tries < TRIES; tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, INTERVAL_MS))
    const { data } = await api.GET('/api/domains/{domain_id}', {
      params: { path: { domain_id: id } },
    })
    if (data.checked_at !== checked_at) return data
  }
  return undefined
}
