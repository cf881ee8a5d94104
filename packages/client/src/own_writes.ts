import type { Fetch } from './session.ts'

const HEADER = 'tenantry-written'

/**
 * Sends back what the server adds to the reply of a write, for the milliseconds that it says: any server then
 * shows this client what it wrote, also one that reads from a replica.
 */
export function withOwnWrites(fetch: Fetch): Fetch {
  let last = { value: '', until: 0 }
  return async (request) => {
    if (performance.now() < last.until) request.headers.set(HEADER, last.value)
    const response = await fetch(request)
    const value = response.headers.get(HEADER)
    if (value !== null) last = { value, until: performance.now() + Number(value) }
    return response
  }
}
