/** The kinds of errors a client can receive, each with its HTTP status. There is no other such table. */
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
  /** The request revoked permissions first: its reply waits until this process has applied that. */
  revoked?: boolean
}

/**
 * The error class of requests. `code` is `noun.reason` and stable. `detail` is sent to the client;
 * `cause` appears in the log only.
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

/** 404: the same reply for a row that never existed and for a row of another tenant. */
export function notFound(): AppError {
  return new AppError('not_found', 'resource.not_found', 'Not found')
}

/** 409: the request is valid but conflicts with stored data, perhaps in one field. */
export function conflict(code: string, detail: string, pointer?: string): AppError {
  const errors = pointer === undefined ? {} : { errors: [{ pointer, message: detail }] }
  return new AppError('conflict', code, detail, errors)
}

/** 422: the input is well-formed but invalid. Each fault names the place and the change. */
export function unprocessable(errors: Fault[]): AppError {
  return new AppError('unprocessable', 'request.invalid', 'The request is not valid', { errors })
}

/** 503: the client should retry soon. */
export function unavailable(code: string, detail: string, cause?: unknown): AppError {
  return new AppError('unavailable', code, detail, { cause, retryAfter: 1 })
}
