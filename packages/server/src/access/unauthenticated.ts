import { AppError } from '../lib/errors.ts'

/** The header of every 401 (RFC 9110, 11.6.1). */
export const challenge = { 'www-authenticate': 'Bearer' } as const

/** The code of wrongCredentials: the only failure that costs an attempt. */
export const WRONG_CREDENTIALS = 'credentials.wrong'

/** 401 with the one answer to credentials that prove no active user. */
export function wrongCredentials(): AppError {
  const detail = 'Invalid credentials'
  return new AppError('unauthenticated', WRONG_CREDENTIALS, detail, { headers: challenge })
}

/** 401 for several session cookies: which of them the server set cannot be known. */
export function ambiguousSession(): AppError {
  const detail = 'The request has several session cookies'
  return new AppError('unauthenticated', 'session.ambiguous', detail, { headers: challenge })
}

/** 401 with the challenge that RFC 6750 requires. */
export function unauthenticated(): AppError {
  return new AppError('unauthenticated', 'credentials.invalid', 'Could not validate credentials', {
    headers: challenge,
  })
}
