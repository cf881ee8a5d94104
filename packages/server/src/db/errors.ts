import type { ConstraintMeaning, ConstraintMeanings } from '../app/constraints.ts'
import { AppError, conflict, unavailable, unprocessable } from '../lib/errors.ts'

/** An error that PostgreSQL reported. */
export interface DatabaseError extends Error {
  code: string
  constraint?: string
  schema?: string
  table?: string
  /** Of a violated foreign key: the columns that refer to nothing (missing_reference.ts). */
  missing?: string[]
  /** The function in PostgreSQL's sources that raised it. */
  routine?: string
}

/** Classes and codes (PostgreSQL, appendix A) that say "not now" rather than "not this". */
const TRANSIENT = /^(08|53|57|25006|25P0[34]|26000|40001|40P01|42P05|55P03|XX000)/

const LOST = /^(40001|40P01)$/

/** After these the connection is gone, or the driver and the server disagree on what is prepared. */
const SPOILING = /^(08|57P|25P0[34]|26000|42P05)/

/** 503 for what is the database's state and not the query's fault; any other error as it is. */
export function publicDatabaseError(error: unknown): unknown {
  if (error instanceof AppError || !(error instanceof Error)) return error
  if (isDatabaseError(error)) {
    if (!TRANSIENT.test(error.code) && !isStalePlan(error) && !isQueueFull(error)) return error
    return unavailable('database.busy', 'The database could not do this now', error)
  }
  if (!isConnectionError(error)) return error
  return unavailable('database.unavailable', 'The database is not available', error)
}

/** Does it leave the connection unfit for anybody else? */
export function spoilsConnection(error: unknown): boolean {
  return !isDatabaseError(error) || SPOILING.test(error.code) || isStalePlan(error)
}

/** Did PostgreSQL take the whole transaction back in favour of another one? Then it may run again. */
export function isDeadlockVictim(error: unknown): boolean {
  const cause = error instanceof AppError ? error.cause : error
  return isDatabaseError(cause) && LOST.test(cause.code)
}

/** Was a write refused for its transaction's sake, and not for its own? */
export function isRefusedWrite(error: unknown): boolean {
  const cause = error instanceof AppError ? error.cause : error
  return isDatabaseError(cause) && cause.code === '25006'
}

/** Was this error reported by PostgreSQL itself (and not by the connection to it)? */
export function isDatabaseError(error: unknown): error is DatabaseError {
  return (
    error instanceof Error &&
    'code' in error &&
    typeof error.code === 'string' &&
    'severity' in error
  )
}

// A migration changed the columns of a statement that this connection has prepared: by its name it
// can never run here again.
function isStalePlan(error: DatabaseError): boolean {
  return error.routine === 'RevalidateCachedQuery'
}

// Nothing can be announced, so COMMIT took back what had to be.
function isQueueFull(error: DatabaseError): boolean {
  return error.routine === 'PreCommit_Notify'
}

function isConnectionError(error: Error): boolean {
  const code = 'code' in error ? String(error.code) : ''
  return (
    /^(ECONN|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENOTFOUND|EAI_AGAIN)/.test(code) ||
    /Connection terminated|not queryable|Query read timeout|timeout exceeded when trying/.test(
      error.message,
    )
  )
}

const kernelConstraints: ConstraintMeanings = {
  member_roles_role_fkey: {
    code: 'role.in_use',
    detail: 'Members have this role; take it from them first',
    pointer: '/roles',
  },
  roles_tenant_id_name_key: { code: 'role.exists', detail: 'A role of this name exists' },
  tenants_subdomain_key: { code: 'tenant.exists', detail: 'The subdomain is taken' },
  tenants_code_key: { code: 'tenant.exists', detail: 'The code is taken' },
  users_realm_id_email_key_key: { code: 'user.exists', detail: 'A user has this e-mail address' },
}

/**
 * What a violated constraint is to a client, in the words of the constraint; undefined for any other
 * error. Never the value: a global constraint must not tell who else has it.
 */
export function violationOf(error: unknown, meanings: ConstraintMeanings): AppError | undefined {
  if (!isDatabaseError(error)) return undefined
  const name = error.constraint ?? ''
  const meaning = meanings[name] ?? kernelConstraints[name]
  if (error.code === '23505') return conflictOf(meaning, 'resource.exists', 'Already exists')
  if (REFERENCE.test(error.code)) return referenceFault(error, meaning)
  if (!UNFIT.test(error.code)) return undefined
  const message = meaning?.detail ?? 'a value is out of its range'
  return unprocessable([{ pointer: meaning?.pointer ?? '', message }])
}

/** Foreign key violated; from PostgreSQL 18 on, `on delete restrict` has a code of its own. */
const REFERENCE = /^(23503|23001)$/

/** Check violated, string too long, number or date out of range. */
const UNFIT = /^(23514|22001|22003|22008)$/

// The detail of a meaning speaks of the row that is referred to. A row of another tenant is as absent
// as one that never was.
function referenceFault(error: DatabaseError, meaning: ConstraintMeaning | undefined): AppError {
  if (error.missing === undefined) {
    return conflictOf(meaning, 'resource.in_use', 'Something refers to it')
  }
  const columns = error.missing.map((column) => `/${column}`)
  const pointers = meaning?.pointer === undefined ? columns : [meaning.pointer]
  const message = 'refers to nothing that exists'
  return unprocessable(pointers.map((pointer) => ({ pointer, message })))
}

function conflictOf(
  meaning: ConstraintMeaning | undefined,
  code: string,
  detail: string,
): AppError {
  return conflict(meaning?.code ?? code, meaning?.detail ?? detail)
}
