/** One fault in what was sent: a JSON pointer (RFC 6901) and what to change. */
export interface Fault {
  pointer: string
  message: string
}

/** A reply that reports an error (RFC 9457). Its message is the problem's `detail`. */
export class ApiProblem extends Error {
  readonly status: number
  /** Stable, such as `project.name_taken`; `response.unexpected` if the reply is no problem document. */
  readonly code: string
  readonly errors: readonly Fault[]
  /** The id of the request, to find it in the logs. */
  readonly instance: string | undefined
  /** Seconds until it is worth trying again. */
  readonly retryAfter: number | undefined

  constructor(response: Response, body: unknown) {
    const { detail, code, errors, instance } = isProblem(body) ? body : unexpected
    super(detail ?? `the server answered ${response.status}`)
    this.name = 'ApiProblem'
    this.status = response.status
    this.code = code
    this.errors = errors ?? []
    this.instance = instance ?? response.headers.get('x-request-id') ?? undefined
    this.retryAfter = secondsUntilRetry(response)
  }
}

/** Seconds that Retry-After asks to wait: a number, or the time until a date (RFC 9110, 10.2.3). */
export function secondsUntilRetry({ headers }: Response): number | undefined {
  const text = headers.get('retry-after')
  if (text === null) return undefined
  const seconds = /^\d+$/.test(text.trim()) ? Number(text) : (Date.parse(text) - Date.now()) / 1000
  return Number.isFinite(seconds) ? Math.max(0, seconds) : undefined
}

interface Problem {
  code: string
  detail?: string
  errors?: Fault[]
  instance?: string
}

// Such as the page of a proxy whose server is down.
const unexpected: Problem = { code: 'response.unexpected' }

function isProblem(body: unknown): body is Problem {
  return (
    typeof body === 'object' && body !== null && 'code' in body && typeof body.code === 'string'
  )
}
