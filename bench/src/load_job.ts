/** One request. `{random}` in any part is replaced by a new word each time. */
export interface LoadRequest {
  method?: 'GET' | 'POST'
  path: string
  headers: Record<string, string>
  body?: string
}

/** The job of a load generator. Each connection sends its next request after the reply to the last. */
export interface LoadJob {
  port: number
  connections: number
  /** Sent in rotation, each on the next free connection. */
  requests: LoadRequest[]
  /** The end of the job, by time or by count; the first limit reached ends it. */
  seconds?: number
  count?: number
  /** The pause of a connection after each reply, in milliseconds. */
  pauseMs?: number
}

/** The result of a job. Times in milliseconds. */
export interface LoadResult {
  seconds: number
  replies: number
  /** The number of replies by status. */
  statuses: Record<string, number>
  p50: number
  p99: number
}
