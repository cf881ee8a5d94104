import type { z } from 'zod'
import type { PublicContext, PublicRowsContext, TenantContext } from './context.ts'

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** A route: the value from which the server, the API's description and the sweeps are derived. */
export interface Route {
  readonly method: Method
  readonly path: string
  readonly access: string
  readonly summary: string
  readonly description?: string
  readonly deprecated?: boolean
  readonly params?: z.ZodType | undefined
  readonly query?: z.ZodType | undefined
  readonly body?: z.ZodType | undefined
  /** The media type of the body. The default is JSON. */
  readonly media: 'json' | 'form'
  readonly reply?: z.ZodType | undefined
  /** In bytes. The default is 256 kB. */
  readonly bodyLimit?: number
  /** The default is 200 with a reply and 204 without one. */
  readonly status: number
  /** Statuses in addition to those that every route of its kind may answer. */
  readonly errors: readonly number[]
  /** The action of a write in the audit log, such as `projects.update`. Undefined for reads. */
  readonly audit?: string
  /** The detail of its 403. */
  readonly denial: string
  /** Revokes permissions: the reply waits until this process has received the invalidation. */
  readonly revokes: boolean
  /** The reason why a public route may reach its tenant's rows. Without one it cannot. */
  readonly rows?: string | undefined
  readonly handle: (ctx: never, input: never) => unknown
}

type Schema = z.ZodType | undefined
type OutputOf<S> = S extends z.ZodType ? z.output<S> : undefined
// biome-ignore lint/suspicious/noConfusingVoidType: a handler without a reply returns nothing.
type ReplyOf<S> = S extends z.ZodType ? z.output<S> : void

/** The validated input of a handler. A part that the route does not declare is undefined. */
export interface Input<P extends Schema, Q extends Schema, B extends Schema> {
  params: OutputOf<P>
  query: OutputOf<Q>
  body: OutputOf<B>
}

type ContextOf<A, W, Database> = A extends 'public'
  ? PublicContextOf<W, Database>
  : TenantContext<Database>
type PublicContextOf<W, Database> = W extends string ? PublicRowsContext<Database> : PublicContext

export interface RouteOptions<
  A extends string,
  P extends Schema,
  Q extends Schema,
  B extends Schema,
  R extends Schema,
  W extends string | undefined,
  Database,
> {
  access: A
  summary: string
  description?: string
  deprecated?: boolean
  params?: P
  query?: Q
  body?: B
  media?: 'json' | 'form'
  bodyLimit?: number
  reply?: R
  status?: number
  errors?: readonly number[]
  audit?: string
  denial?: string
  revokes?: boolean
  rows?: W
  handle(
    ctx: ContextOf<A, W, Database>,
    input: Input<P, Q, B>,
  ): Promise<ReplyOf<NoInfer<R>>> | ReplyOf<NoInfer<R>>
}

type Builder<Access extends string, Database> = <
  const A extends Access,
  P extends Schema = undefined,
  Q extends Schema = undefined,
  B extends Schema = undefined,
  R extends Schema = undefined,
  W extends string | undefined = undefined,
>(
  path: `/${string}`,
  options: RouteOptions<A, P, Q, B, R, W, Database>,
) => Route

type AccessOf<Permission extends string, Role extends string> =
  | 'public'
  | 'member'
  | `role:${Role}`
  | Permission

export interface Routes<Permission extends string, Role extends string, Database> {
  get: Builder<AccessOf<Permission, Role>, Database>
  post: Builder<AccessOf<Permission, Role>, Database>
  put: Builder<AccessOf<Permission, Role>, Database>
  patch: Builder<AccessOf<Permission, Role>, Database>
  del: Builder<AccessOf<Permission, Role>, Database>
}

/** The route builders; a policy types their `access` (see Policy.routes). */
export function createRoutes<Permission extends string, Role extends string, Database>(): Routes<
  Permission,
  Role,
  Database
> {
  return {
    get: builder('GET'),
    post: builder('POST'),
    put: builder('PUT'),
    patch: builder('PATCH'),
    del: builder('DELETE'),
  }
}

function builder<Access extends string, Database>(method: Method): Builder<Access, Database> {
  return (path, options) => {
    const audit = options.audit ?? defaultAudit(method, options.access)
    return Object.freeze({
      ...options,
      method,
      path,
      media: options.media ?? 'json',
      status: options.status ?? (options.reply === undefined ? 204 : 200),
      errors: options.errors ?? [],
      denial: options.denial ?? defaultDenial(options.access),
      revokes: options.revokes ?? false,
      ...(audit === undefined ? {} : { audit }),
    })
  }
}

function defaultAudit(method: Method, access: string): string | undefined {
  if (method === 'GET' || !isPermission(access)) return undefined
  return access.replace(':', '.')
}

function defaultDenial(access: string): string {
  return isRole(access) ? 'Not enough permissions' : 'Permission denied'
}

/** Does this `access` name a permission, and not a word with a meaning in the kernel? */
export function isPermission(access: string): boolean {
  return isText(access) && !['public', 'member'].includes(access) && !isRole(access)
}

function isRole(access: string): boolean {
  return isText(access) && access.startsWith('role:')
}

// An app may start without being compiled: a missing `access` must get as far as checkRoutes.
function isText(access: unknown): boolean {
  return typeof access === 'string'
}
