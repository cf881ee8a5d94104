import createFetchClient from 'openapi-fetch'
import type { HttpMethod, PathsWithMethod } from 'openapi-typescript-helpers'
import { ApiProblem } from './api_problem.ts'
import type { paths as KernelPaths } from './kernel_api.ts'
import type { DataOf, InitOf, ItemOf, ListPage, ListPath } from './operations.ts'
import { withOwnWrites } from './own_writes.ts'
import { type Retry, withRetry } from './retry.ts'
import { cookieSession, type Fetch, type Session, type SignedIn } from './session.ts'

export interface ClientOptions {
  /** The tenant's origin, such as `https://client1.example.com`. On a page of the tenant it may be left out. */
  origin?: string
  /** `'cookie'` in a browser on the tenant's origin, otherwise `tokens(...)`. */
  session: 'cookie' | Session
  /** Sends the requests. The default is the platform's `fetch`. */
  fetch?: Fetch
  retry?: Retry
}

/** A reply that is no error; errors are thrown as an ApiProblem. */
export interface Reply<Data> {
  data: Data
  /** The version of what was read, for `ifMatch`. */
  etag: string | undefined
  response: Response
}

/** The operations of an API by method and path, as its OpenAPI document describes them. */
export interface Client<Paths extends object> {
  GET: Call<Paths, 'get'>
  POST: Call<Paths, 'post'>
  PUT: Call<Paths, 'put'>
  PATCH: Call<Paths, 'patch'>
  DELETE: Call<Paths, 'delete'>
  /** The items of a list, in order: the next page is read when the loop comes to it. */
  items<Path extends ListPath<Paths>>(
    path: Path,
    ...init: InitOf<Paths, 'get', Path>
  ): AsyncGenerator<ItemOf<Paths, Path>, void>
  signIn(credentials: {
    email: string
    password: string
    /** After 403 `email.unverified`: the code that was mailed. */
    email_code?: string
  }): Promise<SignedIn>
  /** Ends the session on the server. Without a session it does nothing. */
  signOut(): Promise<void>
}

type Call<Paths extends object, Method extends HttpMethod> = <
  Path extends PathsWithMethod<Paths, Method>,
>(
  path: Path,
  ...init: InitOf<Paths, Method, Path>
) => Promise<Reply<DataOf<Paths, Method, Path>>>

/**
 * A client for one tenant of an app. `Paths` are the types that `tenantry generate` writes; without them the
 * client knows the kernel's own operations.
 */
export function createClient<Paths extends object = KernelPaths>(
  options: ClientOptions,
): Client<Paths> {
  const { origin = '', retry = {} } = options
  const session = options.session === 'cookie' ? cookieSession : options.session
  // Looked up at each request: a page may replace it later, as tests and service workers do.
  const plain = withOwnWrites(options.fetch ?? ((request) => globalThis.fetch(request)))
  const connection = { origin, fetch: plain }
  const fetch = withRetry((request) => session.send(request, connection), retry)
  const sender = createFetchClient<OpenPaths>({ baseUrl: origin, fetch })
  const call = (method: HttpMethod) => async (path: string, init?: object) =>
    settled(await sender.request(method, path, init as OpenInit))
  const direct = createFetchClient<OpenPaths>({ baseUrl: origin, fetch: plain })
  const operations = {
    GET: call('get'),
    POST: call('post'),
    PUT: call('put'),
    PATCH: call('patch'),
    DELETE: call('delete'),
  }
  const client = {
    ...operations,
    items: (path: string, init?: OpenInit) => itemsOf(operations.GET, path, init),
    async signIn(credentials: object) {
      const body = { ...credentials, ...session.signInFields }
      const reply = settled(await direct.request('post', '/api/auth/login', { body }))
      // The server's own reply, whose description the generated types repeat.
      const signedIn = reply.data as SignedIn
      await session.begin(signedIn)
      return signedIn
    },
    async signOut() {
      const body = await session.signOutBody()
      if (body === 'none') return
      const init = body === undefined ? {} : { body }
      const reply = await direct.request('post', '/api/auth/logout', init)
      // 401: it has ended already.
      if (reply.response.status !== 401) settled(reply)
      await session.end()
    },
  }
  // The types of the operations exist in `Paths` only; at run time a method and a path suffice.
  return client as unknown as Client<Paths>
}

/** Makes a change conditional: it gets 412 if the thing has changed since this reply was read. */
export function ifMatch({ etag }: { etag: string | undefined }): {
  headers: { 'if-match': string }
} {
  if (etag === undefined) throw new TypeError('the reply has no ETag: read the thing itself first')
  return { headers: { 'if-match': etag } }
}

interface OpenInit {
  params?: { query?: Record<string, unknown> }
  body?: unknown
  [option: string]: unknown
}

interface OpenOperation {
  parameters: { query?: Record<string, unknown> }
  requestBody?: { content: { 'application/json': unknown } }
  responses: { 200: { content: { 'application/json': unknown } } }
}

type OpenPaths = Record<string, Record<HttpMethod, OpenOperation>>

interface Settling {
  data?: unknown
  error?: unknown
  response: Response
}

function settled({ data, error, response }: Settling): Reply<unknown> {
  if (!response.ok) throw new ApiProblem(response, error)
  return { data, etag: response.headers.get('etag') ?? undefined, response }
}

async function* itemsOf(
  get: (path: string, init?: OpenInit) => Promise<Reply<unknown>>,
  path: string,
  init: OpenInit = {},
): AsyncGenerator<unknown, void> {
  let cursor: string | null | undefined
  do {
    const query = { ...init.params?.query, ...(cursor === undefined ? {} : { cursor }) }
    const { data } = await get(path, { ...init, params: { ...init.params, query } })
    const { items, next_cursor } = data as ListPage<unknown>
    yield* items
    cursor = next_cursor
  } while (cursor !== null)
}
