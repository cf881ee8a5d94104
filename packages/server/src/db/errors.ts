import type { ConstraintMeaning, ConstraintMeanings } from '../app/constraints.ts'
import { AppError, conflict, unavailable, unprocessable } from '../lib/errors.ts'

/** An error that PostgreSQL reported. */
export interface DatabaseError extends Error {
  code: string
  hint?: string
  constraint?: string
  schema?: string
  table?: string
  /** The columns of a violated foreign key that refer to no row (missing_reference.ts). */
  missing?: string[]
  /** The function in PostgreSQL's sources that raised it. */
  routine?: string
}

/** Classes and codes (PostgreSQL, appendix A) of failures after which the same statement may succeed. */
const TRANSIENT = /^(08|53|57|25006|25P0[34]|26000|40001|40P01|42P05|55P03|XX000)/

const ROLLED_BACK = /^(40001|40P01)$/

/** After these the connection is gone, or the driver and the server disagree on what is prepared. */
const SPOILING = /^(08|57P|25P0[34]|26000|42P05)/

/** Returns a 503 for an error that the state of the database caused, and any other error unchanged. */
export function publicDatabaseError(error: unknown): unknown {
  if (error instanceof AppError || !(error instanceof Error)) return error
  if (isDatabaseError(error)) {
    nameConstraint(error)
    if (!TRANSIENT.test(error.code) && !isStalePlan(error) && !isQueueFull(error)) return error
    return unavailable('database.busy', 'The database cannot do this now; try again', error)
  }
  if (!isConnectionError(error)) return error
  return unavailable('database.unavailable', 'The database is not available', error)
}

// Citus reports an error of a worker by its message alone, which names shards:
// `... on table "tasks_102050" violates foreign key constraint "tasks_project_id_fkey_102050"`.
function nameConstraint(error: DatabaseError): void {
  if (error.routine !== 'ReportResultError' || !error.code.startsWith('23')) return
  const { message } = error
  const [, constraint, shard] = /constraint "([^"]+)_(\d{6,})"/.exec(message) ?? []
  if (constraint === undefined) return
  const [, table] = new RegExp(`(?:table|relation) "([^"]+)_${shard}"`).exec(message) ?? []
  error.message = message.replaceAll(/"([^"]+)_\d{6,}"/g, '"$1"')
  Object.assign(error, table === undefined ? { constraint } : { constraint, table })
}

/** After this error, must the connection be closed? */
export function spoilsConnection(error: unknown): boolean {
  return !isDatabaseError(error) || SPOILING.test(error.code) || isStalePlan(error)
}

/** Did PostgreSQL roll the transaction back because of a concurrent one? Then it may run again. */
export function isDeadlockVictim(error: unknown): boolean {
  const cause = error instanceof AppError ? error.cause : error
  return isDatabaseError(cause) && ROLLED_BACK.test(cause.code)
}

/** Was a write rejected because its transaction is read-only? */
export function isReadOnlyViolation(error: unknown): boolean {
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

// A migration changed the columns of a statement that this connection has prepared. Under its name it
// can never run on this connection again.
function isStalePlan(error: DatabaseError): boolean {
  return error.routine === 'RevalidateCachedQuery'
}

// The queue of NOTIFY is full: COMMIT rolled back, because the invalidation could not be sent.
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
    detail: 'Members have this role; remove it from them first',
    pointer: '/roles',
  },
  invitation_roles_role_fkey: {
    code: 'role.in_use',
    detail: 'Open invitations name this role; revoke them first',
    pointer: '/roles',
  },
  invitations_tenant_id_email_key_key: {
    code: 'invitation.exists',
    detail: 'An invitation of this address is open; send it again, or revoke it',
  },
  domains_tenant_id_name_key: {
    code: 'domain.exists',
    detail: 'The tenant has this domain already',
    pointer: '/name',
  },
  domains_live_name_key: { code: 'domain.taken', detail: 'Another tenant uses this domain' },
  roles_tenant_id_name_key: { code: 'role.exists', detail: 'A role with this name exists' },
  tenants_subdomain_key: { code: 'tenant.exists', detail: 'The subdomain is taken' },
  tenants_subdomain_held: { code: 'subdomain.held', detail: 'The subdomain is taken' },
  tenants_code_key: { code: 'tenant.exists', detail: 'The code is taken' },
  users_realm_id_email_key_key: { code: 'user.exists', detail: 'A user has this e-mail address' },
}

/**
 * The client's error for a violated constraint, with the constraint's meaning as its detail; undefined for
 * any other error. It never shows the value: a global constraint must not reveal another tenant's data.
 */
export function violationOf(error: unknown, meanings: ConstraintMeanings): AppError | undefined {
  if (!isDatabaseError(error)) return undefined
  const name = error.constraint ?? ''
  const meaning = meanings[name] ?? kernelConstraints[name]
  if (error.code === '23505') {
    return conflictOf(meaning, 'resource.exists', 'Already exists', meaning?.pointer)
  }
  if (REFERENCE.test(error.code)) return referenceFault(error, meaning)
  if (!OUT_OF_RANGE.test(error.code) || isKernelRecord(error)) return undefined
  const message = meaning?.detail ?? 'a value is out of range'
  return unprocessable([{ pointer: meaning?.pointer ?? '', message }])
}

/** Foreign key violated. Since PostgreSQL 18, `on delete restrict` has its own code. */
const REFERENCE = /^(23503|23001)$/

/** Check violated, string too long; number, date or offset of a time zone out of range. */
const OUT_OF_RANGE = /^(23514|22001|22003|22008|22009)$/

// The kernel writes these rows by itself: no value that the client can correct violates their checks.
function isKernelRecord({ schema, table = '' }: DatabaseError): boolean {
  return schema === 'tenantry' && KERNEL_RECORDS.has(table)
}

const KERNEL_RECORDS = new Set(['audit_logs', 'sessions', 'refresh_tokens', 'attempt_counters'])

// The detail of a meaning describes a referenced row, so it fits only a conflict. A row of another tenant
// is reported like one that never existed.
function referenceFault(error: DatabaseError, meaning: ConstraintMeaning | undefined): AppError {
  if (error.missing === undefined) {
    return conflictOf(meaning, 'resource.in_use', 'Other rows refer to it')
  }
  const columns = error.missing.map((column) => `/${column}`)
  const pointers = meaning?.pointer === undefined ? columns : [meaning.pointer]
  const message = 'refers to something that does not exist'
  return unprocessable(pointers.map((pointer) => ({ pointer, message })))
}

function conflictOf(
  meaning: ConstraintMeaning | undefined,
  code: string,
  detail: string,
  pointer?: string,
): AppError {
  return conflict(meaning?.code ?? code, meaning?.detail ?? detail, pointer)
}
