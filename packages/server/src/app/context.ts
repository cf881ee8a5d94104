import type { Kysely } from 'kysely'
import type { Deadline } from '../lib/deadline.ts'

/** The tenant a request's host belongs to. */
export interface Tenant {
  id: string
  name: string
  subdomain: string
  /** `https://acme.example.com`: how links to this tenant are written, never taken from a request. */
  origin: string
  /** The `iss` of its tokens: by subdomain, so that a new custom domain ends no session. */
  issuer: string
  /** Where this tenant's differ from everybody's (TENANT_RATE, TENANT_CONCURRENCY). */
  limits: { rate: number | null; concurrency: number | null }
}

/** Who is signed in, and what they may do in this tenant. */
export interface Actor {
  user: { id: string; email: string; full_name: string }
  sessionId: string
  roles: readonly string[]
  permissions: ReadonlySet<string>
}

/** Where a request came from. */
export interface RequestInfo {
  id: string
  address: string
  userAgent: string
}

/** What a handler adds to the audit row that is written for it. */
export interface AuditNote {
  entity_id?: string
  meta?: Record<string, unknown>
}

/** What the handler of a public route may touch: the tenant is known, the client is not. */
export interface PublicContext {
  tenant: Tenant
  request: RequestInfo
  /** How much longer this request may wait for the database; its own work does not count. */
  deadline: Deadline
}

/** What the handler of a public route that declares `rows` may touch. */
export interface PublicRowsContext<Database> extends PublicContext {
  /**
   * Works on this tenant's rows. On GET each query is a read-only transaction of its own. Otherwise the
   * work is one transaction, which also holds the audit row; it can be opened once in a request.
   */
  inTenant<T>(work: (db: Kysely<Database>) => Promise<T>): Promise<T>
  /** Adds to this request's audit row. To be called before the work ends. */
  audit(note: AuditNote): void
}

/** What the handler of a signed-in request may touch. */
export interface TenantContext<Database> extends PublicContext {
  actor: Actor
  /**
   * This tenant's rows. Of a write: in one transaction that opens with the first query; where
   * PostgreSQL takes it back for another's sake (a deadlock) the handler runs again, so what it does,
   * it does in here. Of a GET: each query in a read-only transaction of its own.
   */
  db: Kysely<Database>
  /** Adds to this request's audit row. */
  audit(note: AuditNote): void
  cursors: Cursors
  /**
   * Compares If-Match, where it was sent, with the present state of what is about to change
   * (RFC 9110, 13.1.1). Throws 412 when they differ.
   */
  requireMatch(current: unknown): void
}

/** Seals positions in a list, so that a client can neither forge one nor use another tenant's. */
export interface Cursors {
  seal(position: string): string
  /** Throws 400 for a cursor that this tenant's list did not give. */
  open(cursor: string): string
}
