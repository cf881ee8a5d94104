import { AppError } from '../../lib/errors.ts'

/** 400, with the detail that the HTTP contract fixes. */
export function invalidHost(): AppError {
  return new AppError('invalid', 'host.invalid', 'Invalid host format')
}
