import { AppError, conflict, unavailable } from '../errors.ts'

interface DatabaseError {
  code: string
  constraint?: string
}

/** What a violated constraint means to a client, by the constraint's name. */
export type ConstraintMeanings = Record<string, { code: string; detail: string }>

const meanings = new Map<string, { code: string; detail: string }>()

/** Classes and codes (PostgreSQL, appendix A) that say "not now" rather than "not this". */
const TRANSIENT = /^(08|53|57|25006|25P0[34]|26000|40001|40P01|55P03|XX000)/

/** Registers what this app's constraints mean; the kernel does so for its own. */
export function describeConstraints(described: ConstraintMeanings): void {
  for (const [name, meaning] of Object.entries(described)) meanings.set(name, meaning)
}

/** The error a client may see for one that PostgreSQL or the driver threw. */
export function publicDatabaseError(error: unknown): unknown {
  if (error instanceof AppError || !(error instanceof Error)) return error
  if (isDatabaseError(error)) return fromCode(error, error)
  if (isConnectionError(error)) {
    return unavailable('database.unavailable', 'The database is not available', error)
  }
  return error
}

function fromCode(error: DatabaseError, cause: Error): unknown {
  if (error.code === '23505') return uniqueViolation(error)
  if (TRANSIENT.test(error.code)) {
    return unavailable('database.busy', 'The database could not do this now', cause)
  }
  return cause
}

// Never the value or the constraint: a global unique constraint must not tell who else has it.
function uniqueViolation(error: DatabaseError): AppError {
  const meaning = meanings.get(error.constraint ?? '')
  return conflict(meaning?.code ?? 'resource.exists', meaning?.detail ?? 'Already exists')
}

/** Was this error reported by PostgreSQL itself (and not by the connection to it)? */
export function isDatabaseError(error: unknown): error is Error & DatabaseError {
  return (
    error instanceof Error &&
    'code' in error &&
    typeof error.code === 'string' &&
    'severity' in error
  )
}

function isConnectionError(error: Error): boolean {
  const code = 'code' in error ? String(error.code) : ''
  return (
    /^(ECONN|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENOTFOUND|EAI_AGAIN)/.test(code) ||
    /Connection terminated|not queryable|Query read timeout|timeout exceeded when trying/.test(error.message)
  )
}
