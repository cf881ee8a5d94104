import type { z } from 'zod'
import type { BaseContext, PublicContext, PublicRowsContext, TenantContext } from './context.ts'
import type { List } from './list.ts'
import type {
  FileOutput,
  FileReply,
  KnownUrl,
  RawBody,
  RedirectReply,
  ReplyWithCookies,
} from './replies.ts'

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
  /** Request headers, by their names in lower case. */
  readonly headers?: z.ZodType | undefined
  /** Cookies of the app that it reads or sets, by name. */
  readonly appCookies?: z.ZodType | undefined
  readonly body?: z.ZodType | undefined
  /** Its body, if the handler gets the bytes. */
  readonly raw?: RawBody | undefined
  /** What it lists, if it is a list: its indexes are checked against the database. */
  readonly list?: ListedColumns | undefined
  /** The media type of the body. The default is JSON. */
  readonly media: 'json' | 'form'
  readonly reply?: z.ZodType | undefined
  /** Its reply, if that is not JSON. */
  readonly sends?: FileReply | RedirectReply | undefined
  /** In bytes. The default is 256 kB. */
  readonly bodyLimit?: number
  /** The default is 200 with a reply, 303 for a redirect and 204 without a reply. */
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
  /** The path names one resource: its GET has an etag, and its changes accept If-Match. */
  readonly single: boolean
  /** Writes the signed-in person's own account: the handler gets a PersonContext. */
  readonly person: boolean
  /** Asks for the current password in its body, `current_password`, although the client is signed in. */
  readonly assurance: boolean
  /** Opens or ends sessions: the handler of this public route may give the browser a cookie. */
  readonly cookies: boolean
  readonly handle: (ctx: never, input: never) => unknown
}

/** The columns that a list reads by. */
export type ListedColumns = Pick<List, 'table' | 'id' | 'filters' | 'sorts' | 'orders' | 'q'>

type Schema = z.ZodType | undefined
type BodySchema = Schema | RawBody
type ReplySchema = Schema | FileReply | RedirectReply
type OutputOf<S> = S extends z.ZodType ? z.output<S> : S extends RawBody ? Buffer : undefined
type ResultOf<S> = ReplyOf<S> | ReplyWithCookies<ReplyOf<S>>
type ReplyOf<S> = S extends z.ZodType
  ? z.output<S>
  : S extends FileReply
    ? FileOutput
    : S extends RedirectReply
      ? string | KnownUrl
      : // biome-ignore lint/suspicious/noConfusingVoidType: a handler without a reply returns nothing.
        void

/** The validated input of a handler. A part that the route does not declare is undefined. */
export interface Input<
  P extends Schema,
  Q extends Schema,
  B extends BodySchema,
  H extends Schema = undefined,
  C extends Schema = undefined,
> {
  params: OutputOf<P>
  query: OutputOf<Q>
  headers: OutputOf<H>
  cookies: OutputOf<C>
  body: OutputOf<B>
}

type ContextOf<A, W, Database> = A extends 'public'
  ? PublicContextOf<W, Database>
  : A extends 'base'
    ? BaseContext
    : TenantContext<Database>
type PublicContextOf<W, Database> = W extends string ? PublicRowsContext<Database> : PublicContext

export interface RouteOptions<
  A extends string,
  P extends Schema,
  Q extends Schema,
  B extends BodySchema,
  R extends ReplySchema,
  W extends string | undefined,
  Database,
  H extends Schema = undefined,
  C extends Schema = undefined,
> {
  access: A
  summary: string
  description?: string
  deprecated?: boolean
  params?: P
  query?: Q
  /** Request headers that the handler gets, by their names in lower case. */
  headers?: H
  /**
   * The cookies of the app that the handler gets and may set, by name. One whose value the schema does not
   * accept is left out: the browser would send it again and again.
   */
  appCookies?: C
  /** What it lists: gives the query and the reply of the route. */
  list?: ListedColumns & { readonly query: Q; readonly reply: R }
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
  /** The default is whether the path ends in a parameter. */
  single?: boolean
  /** Asks for the current password: the body needs `current_password`. */
  assurance?: boolean
  handle(
    ctx: ContextOf<A, W, Database>,
    input: Input<P, Q, B, H, C>,
  ): Promise<ResultOf<NoInfer<R>>> | ResultOf<NoInfer<R>>
}

type Builder<Access extends string, Database> = <
  const A extends Access,
  P extends Schema = undefined,
  Q extends Schema = undefined,
  B extends BodySchema = undefined,
  R extends ReplySchema = undefined,
  W extends string | undefined = undefined,
  H extends Schema = undefined,
  C extends Schema = undefined,
>(
  path: `/${string}`,
  options: RouteOptions<A, P, Q, B, R, W, Database, H, C>,
) => Route

type AccessOf<Permission extends string, Role extends string> =
  | 'public'
  | 'base'
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

type ContextOptions<
  Q extends Schema,
  B extends Schema,
  R extends ReplySchema,
  Context,
  H extends Schema,
> = Omit<
  RouteOptions<'public', undefined, Q, B, R, undefined, never, H>,
  'access' | 'params' | 'appCookies' | 'media' | 'rows' | 'assurance' | 'handle'
> & {
  handle(
    ctx: Context,
    input: Input<undefined, Q, B, H>,
  ): Promise<ReplyOf<NoInfer<R>>> | ReplyOf<NoInfer<R>>
}

/**
 * The builder of routes whose handlers get a context of their own, which `fixed` decides. For the kernel's own
 * routes: writes on the signed-in person's account, and routes that give the browser a cookie.
 */
export function contextRoutes<Context extends PublicContext>(
  fixed: Pick<Route, 'access'> & Partial<Pick<Route, 'person' | 'cookies'>>,
) {
  return <
    Q extends Schema = undefined,
    B extends Schema = undefined,
    R extends ReplySchema = undefined,
    H extends Schema = undefined,
  >(
    method: Method,
    path: `/${string}`,
    options: ContextOptions<Q, B, R, Context, H>,
  ): Route => routeOf(method, path, { ...options, ...fixed })
}

function builder<Access extends string, Database>(method: Method): Builder<Access, Database> {
  return (path, options) => routeOf(method, path, options)
}

type AnyOptions = Pick<Route, 'access' | 'summary' | 'handle'> &
  Omit<Partial<Route>, 'list' | 'body' | 'reply'> & {
    body?: BodySchema
    reply?: ReplySchema
    list?: (ListedColumns & { readonly query: Schema; readonly reply: ReplySchema }) | undefined
  }

function routeOf(method: Method, path: string, options: AnyOptions): Route {
  const audit = options.audit ?? defaultAudit(method, options.access)
  const given = { body: options.body, reply: options.reply ?? options.list?.reply }
  const { raw, sends, body, reply } = partsOf(given)
  return Object.freeze({
    ...options,
    ...(raw === undefined ? {} : { raw, bodyLimit: raw.max }),
    body,
    sends,
    method,
    path,
    query: options.query ?? options.list?.query,
    reply,
    media: options.media ?? 'json',
    status: options.status ?? defaultStatus(reply ?? sends),
    errors: options.errors ?? [],
    denial: options.denial ?? defaultDenial(options.access),
    revokes: options.revokes ?? false,
    single: options.single ?? /\/:\w+$/.test(path),
    person: options.person ?? false,
    assurance: options.assurance ?? false,
    cookies: options.cookies ?? false,
    ...(audit === undefined ? {} : { audit }),
  })
}

// What is no schema of JSON has its own place, so that nothing takes it for one.
function partsOf({ body, reply }: { body: BodySchema; reply: ReplySchema }) {
  const raw = body !== undefined && 'kind' in body ? body : undefined
  const sends = reply !== undefined && 'kind' in reply ? reply : undefined
  return {
    raw,
    sends,
    body: raw === undefined ? (body as Schema) : undefined,
    reply: sends === undefined ? (reply as Schema) : undefined,
  }
}

function defaultStatus(reply: ReplySchema): number {
  if (reply === undefined) return 204
  return 'kind' in reply && reply.kind === 'redirect' ? 303 : 200
}

function defaultAudit(method: Method, access: string): string | undefined {
  if (method === 'GET' || !isPermission(access)) return undefined
  return access.replace(':', '.')
}

function defaultDenial(access: string): string {
  return /^role:/.test(access) ? 'Not enough permissions' : 'Permission denied'
}

/** Does this `access` name a permission, and not a role or a word with a meaning in the kernel? */
export function isPermission(access: string): boolean {
  // An app may start without being compiled: a missing `access` must get as far as checkRoutes.
  return typeof access === 'string' && !/^(public$|base$|member$|role:)/.test(access)
}

/** Does a route have no identity, because its clients are not signed in? */
export function isAnonymous({ access }: Pick<Route, 'access'>): boolean {
  return access === 'public' || access === 'base'
}
