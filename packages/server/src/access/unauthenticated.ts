import { AppError } from '../lib/errors.ts'

/** The header of every 401 (RFC 9110, 11.6.1). */
export const challenge = { 'www-authenticate': 'Bearer' } as const

/** 401 with the challenge that RFC 6750 requires. */
export function unauthenticated(): AppError {
  return new AppError('unauthenticated', 'credentials.invalid', 'Could not validate credentials', {
    headers: challenge,
  })
}
