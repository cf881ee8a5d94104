import type { Kysely } from 'kysely'
import type { Deadline } from '../lib/deadline.ts'
import type { Enqueue } from './jobs/job.ts'

/** The tenant that the request's host belongs to. */
export interface Tenant {
  id: string
  name: string
  subdomain: string
  /**
   * The stored origin of the host that was asked for: the subdomain's or a verified custom domain's. A
   * link that carries a credential must not use it, see installation_origin.ts.
   */
  origin: string
  /**
   * `https://acme.example.com`, made from the subdomain: the origin of links that carry a credential.
   */
  issuer: string
  /**
   * Where people of the tenant are led: the origin of its primary domain, or `issuer`. For links that carry no
   * credential.
   */
  home: string
  /** The realm of its users: within one realm, an e-mail address names one user. */
  realm: string
  /** Limits of this tenant alone; null where TENANT_RATE and TENANT_CONCURRENCY apply. */
  limits: { rate: number | null; concurrency: number | null }
  branding: TenantBranding
}

/** What people see of a tenant, on pages and in mails. A part that is not set is missing. */
export interface TenantBranding {
  /** `#0f766e` */
  readonly color?: string | undefined
  /** Its logo, which GET /api/branding/logo sends. The size is in pixels. */
  readonly logo?: { hash: string; width: number; height: number } | undefined
  /** The language of people who have not chosen one. */
  readonly locale?: string | undefined
  /** What everyone reads who signs in. */
  readonly notice?: string | undefined
  /** Where replies to its mails go. */
  readonly reply_to?: string | undefined
}

/** What an actor was authenticated by. Only a session proves that a person is present. */
export type Credential = { kind: 'session' | 'key' | 'job'; id: string }

/** The authenticated user, and their permissions in this tenant. */
export interface Actor {
  user: { id: string; email: string; full_name: string }
  credential: Credential
  roles: readonly string[]
  permissions: ReadonlySet<string>
}

/** The origin of a request, as logged and audited. */
export interface RequestInfo {
  id: string
  address: string
  userAgent: string
}

/** What a handler adds to the audit row of its request. */
export interface AuditNote {
  entity_id?: string
  meta?: Record<string, unknown>
}

/** The context of a route at APP_HOST: there is no tenant, and the client is not authenticated. */
export interface BaseContext {
  request: RequestInfo
  /** How long this request may still wait for the database. Its own work does not count. */
  deadline: Deadline
}

/** The context of a public route: the tenant is known, the client is not authenticated. */
export interface PublicContext extends BaseContext {
  tenant: Tenant
}

/** The context of a public route that declares `rows`. */
export interface PublicRowsContext<Database> extends PublicContext {
  /**
   * Works on this tenant's rows. In a GET each query is a read-only transaction of its own. Otherwise the
   * work is one transaction, which also holds the audit row; a request can open it only once.
   */
  inTenant<T>(work: (db: Kysely<Database>, enqueue: Enqueue) => Promise<T>): Promise<T>
  /** Adds to this request's audit row. Call it before the work ends. */
  audit(note: AuditNote): void
}

/** The context of a write on the signed-in person's own account: their profile or their password. */
export interface PersonContext<Database> extends PublicContext {
  actor: Actor
  /**
   * Works on the person's rows, as the identity role. The work is one transaction, which also holds the
   * audit row; a request can open it only once. Throws 401 if the session has ended meanwhile.
   */
  asPerson<T>(work: (db: Kysely<Database>, enqueue: Enqueue) => Promise<T>): Promise<T>
  /** Adds to this request's audit row. Call it before the work ends. */
  audit(note: AuditNote): void
  /** As in TenantContext. */
  requireMatch(current: unknown): void
}

/** The context of a route for signed-in members. */
export interface TenantContext<Database> extends PublicContext {
  actor: Actor
  /**
   * This tenant's rows. In a write, all queries share one transaction, which the first query opens. If
   * PostgreSQL rolls it back because of a deadlock, the handler runs again from its start: it must have
   * no effects outside of `db`. In a GET, each query is a read-only transaction of its own.
   */
  db: Kysely<Database>
  /** Adds to this request's audit row. */
  audit(note: AuditNote): void
  /** Adds a background job in the transaction of this write. In a GET, PostgreSQL rejects it. */
  enqueue: Enqueue
  cursors: Cursors
  /**
   * Compares If-Match, if the client sent it, with the current state of the resource that is about to
   * change (RFC 9110, 13.1.1). Throws 412 if they differ.
   */
  requireMatch(current: unknown): void
}

/** Seals positions in a list: a client cannot forge one or use one of another tenant. */
export interface Cursors {
  seal(position: string): string
  /** Throws 400 for a cursor that this list of this tenant did not issue. */
  open(cursor: string): string
}
