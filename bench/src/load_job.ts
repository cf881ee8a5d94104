/** One request as it goes over the wire. `{random}` in any part is another word each time. */
export interface LoadRequest {
  method?: 'GET' | 'POST'
  path: string
  headers: Record<string, string>
  body?: string
}

/** What a load generator is to do: each connection sends its next request when it has its reply. */
export interface LoadJob {
  port: number
  connections: number
  /** Sent in turn, by whichever connection is free. */
  requests: LoadRequest[]
  /** When to stop; with both, whichever comes first. */
  seconds?: number
  count?: number
  /** How long a connection rests after each reply, in milliseconds. */
  pauseMs?: number
}

/** What came of it. Times in milliseconds. */
export interface LoadResult {
  seconds: number
  replies: number
  /** How many replies had which status. */
  statuses: Record<string, number>
  p50: number
  p99: number
}
