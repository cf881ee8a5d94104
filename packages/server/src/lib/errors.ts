/** What can go wrong, as a client sees it. The one table from kind to HTTP status. */
export const statusOfKind = {
  invalid: 400,
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  method_not_allowed: 405,
  timeout: 408,
  conflict: 409,
  stale: 412,
  too_large: 413,
  uri_too_long: 414,
  unsupported: 415,
  unprocessable: 422,
  rate_limited: 429,
  headers_too_large: 431,
  internal: 500,
  unavailable: 503,
} as const

export type ErrorKind = keyof typeof statusOfKind

/** One fault in the input: where (a JSON pointer, RFC 6901) and what to change. */
export interface Fault {
  pointer: string
  message: string
}

export interface ErrorExtras {
  cause?: unknown
  errors?: Fault[]
  headers?: Record<string, string>
  /** Seconds until it is worth trying again; sent as Retry-After. */
  retryAfter?: number
  /** Rights were taken away before it was thrown: its reply waits until this process has heard of it. */
  revoked?: boolean
}

/**
 * The one error class. `code` is `noun.reason` and stable; `detail` is said to the client, `cause`
 * only to the log.
 */
export class AppError extends Error {
  readonly kind: ErrorKind
  readonly code: string
  readonly extras: ErrorExtras

  constructor(kind: ErrorKind, code: string, detail: string, extras: ErrorExtras = {}) {
    super(detail, extras.cause === undefined ? undefined : { cause: extras.cause })
    this.name = 'AppError'
    this.kind = kind
    this.code = code
    this.extras = extras
  }

  get status(): number {
    return statusOfKind[this.kind]
  }
}

/** 404: the same words for what never existed and for what is another tenant's. */
export function notFound(): AppError {
  return new AppError('not_found', 'resource.not_found', 'Not found')
}

/** 409: the request was understood and contradicts what is stored. */
export function conflict(code: string, detail: string): AppError {
  return new AppError('conflict', code, detail)
}

/** 422: the input is well-formed and not acceptable; say where and why. */
export function unprocessable(errors: Fault[]): AppError {
  return new AppError('unprocessable', 'request.invalid', 'The request is not valid', { errors })
}

/** 503: worth trying again soon. */
export function unavailable(code: string, detail: string, cause?: unknown): AppError {
  return new AppError('unavailable', code, detail, { cause, retryAfter: 1 })
}
