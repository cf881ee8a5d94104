import type { ConstraintMeanings } from '../../app/constraints.ts'
import { violationOf } from '../../db/errors.ts'
import { AppError, type Fault } from '../../lib/errors.ts'

/** The body of an error reply (RFC 9457). `instance` is the request id. */
export interface Problem {
  type: string
  title: string
  status: number
  detail: string
  code: string
  instance: string
  errors?: Fault[]
}

// Enough to correct a request. Pointers and messages repeat parts of the input, which must not become a
// reply of megabytes.
const MAX_FAULTS = 20
const MAX_TEXT = 300

const titles: Record<number, string> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  409: 'Conflict',
  412: 'Precondition Failed',
  413: 'Content Too Large',
  414: 'URI Too Long',
  415: 'Unsupported Media Type',
  422: 'Unprocessable Content',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
}

/** The problem document of an error. Only public texts: the cause goes to the log alone. */
export function problemOf(error: AppError, instance: string): Problem {
  const { errors } = error.extras
  return {
    type: `urn:tenantry:problem:${error.code}`,
    title: titles[error.status] ?? 'Error',
    status: error.status,
    detail: shorten(error.message),
    code: error.code,
    instance,
    ...(errors === undefined ? {} : { errors: errors.slice(0, MAX_FAULTS).map(shortFault) }),
  }
}

function shortFault({ pointer, message }: Fault): Fault {
  return { pointer: shorten(pointer), message: shorten(message) }
}

function shorten(text: string): string {
  return text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT).toWellFormed()}…`
}

/** The headers of an error reply. */
export function problemHeaders(error: AppError): Record<string, string> {
  const { retryAfter, headers = {} } = error.extras
  return {
    'content-type': 'application/problem+json; charset=utf-8',
    ...headers,
    ...(retryAfter === undefined ? {} : { 'retry-after': String(Math.ceil(retryAfter)) }),
  }
}

/** Converts any thrown value to an error for the client. An unknown one is a bug, and reveals nothing. */
export function publicError(error: unknown, constraints: ConstraintMeanings = {}): AppError {
  if (error instanceof AppError) return error
  return (
    violationOf(error, constraints) ??
    frameworkError(error) ??
    new AppError('internal', 'server.fault', 'Something went wrong on our side', { cause: error })
  )
}

const frameworkErrors: Record<string, AppError> = {
  FST_ERR_CTP_BODY_TOO_LARGE: new AppError(
    'too_large',
    'request.too_large',
    'The request body is too large',
  ),
  FST_ERR_CTP_INVALID_MEDIA_TYPE: new AppError(
    'unsupported',
    'request.media_type',
    'The content type is not supported here',
  ),
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: new AppError(
    'invalid',
    'request.content_length',
    'Content-Length does not match the body',
  ),
  FST_ERR_BAD_URL: new AppError('invalid', 'request.url', 'The URL is not valid'),
  FST_ERR_MAX_PARAM_LENGTH: new AppError(
    'uri_too_long',
    'request.url_too_long',
    'The URL is too long',
  ),
}

function frameworkError(error: unknown): AppError | undefined {
  if (!(error instanceof Error && 'code' in error)) return undefined
  // The client disconnected while its body was read. It gets no reply, and the server is not at fault.
  if (error.code === 'ECONNRESET' && error.message === 'aborted') {
    return new AppError('invalid', 'request.client_closed', 'The request ended before its body did')
  }
  return frameworkErrors[String(error.code)]
}
