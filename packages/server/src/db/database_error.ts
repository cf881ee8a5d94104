import { AppError, conflict, unavailable } from '../errors.ts'

interface DatabaseError {
  code: string
  constraint?: string
}

/** Classes and codes (PostgreSQL, appendix A) that say "not now" rather than "not this". */
const TRANSIENT = /^(08|53|57|25006|25P0[34]|26000|40001|40P01|55P03|XX000)/

/** 503 for what is the database's state and not the query's fault; any other error as it is. */
export function publicDatabaseError(error: unknown): unknown {
  if (error instanceof AppError || !(error instanceof Error)) return error
  if (isDatabaseError(error)) {
    if (!TRANSIENT.test(error.code)) return error
    return unavailable('database.busy', 'The database could not do this now', error)
  }
  if (!isConnectionError(error)) return error
  return unavailable('database.unavailable', 'The database is not available', error)
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

/** What a violated unique constraint means to a client, by the constraint's name. */
export type ConstraintMeanings = Readonly<Record<string, { code: string; detail: string }>>

export const kernelConstraints: ConstraintMeanings = {
  roles_tenant_id_name_key: { code: 'role.exists', detail: 'A role of this name exists' },
  tenants_subdomain_key: { code: 'tenant.exists', detail: 'The subdomain is taken' },
  tenants_code_key: { code: 'tenant.exists', detail: 'The code is taken' },
  users_realm_id_email_key_key: { code: 'user.exists', detail: 'A user has this e-mail address' },
}

/**
 * 409 for a unique violation, in the words of its constraint; undefined for any other error. Never
 * the value: a global constraint must not tell who else has it.
 */
export function conflictOf(error: unknown, meanings: ConstraintMeanings): AppError | undefined {
  if (!isDatabaseError(error) || error.code !== '23505') return undefined
  const meaning = meanings[error.constraint ?? ''] ?? kernelConstraints[error.constraint ?? '']
  return conflict(meaning?.code ?? 'resource.exists', meaning?.detail ?? 'Already exists')
}
