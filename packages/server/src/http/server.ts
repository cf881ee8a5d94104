import type { IncomingMessage } from 'node:http'
import cors from '@fastify/cors'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Logger } from 'pino'
import type { AccessClaims, Tokens } from '../access/tokens.ts'
import { checkRoutes } from '../app/check_routes.ts'
import type { ConstraintMeanings } from '../app/constraints.ts'
import type { Tenant } from '../app/context.ts'
import { flatCollection } from '../app/flat_collection.ts'
import type { Route } from '../app/route.ts'
import { AppError, unavailable } from '../lib/errors.ts'
import type { FinishedRequest, RequestLog, RequestSpans } from './access_log.ts'
import { type BaseRequest, runAtBase } from './base/base_request.ts'
import type { ConnectionLimiter } from './connections.ts'
import { renewedCookie } from './cookie_requests.ts'
import { checkPaths } from './endpoints/check_paths.ts'
import type { Endpoint } from './endpoints/endpoint.ts'
import { type EventLoopMonitor, monitorEventLoop } from './event_loop.ts'
import { addEndpoint, checkBodyHeaders, createFramework, readBytes } from './framework.ts'
import type { Handled } from './handle.ts'
import { type Admitted, type Arrival, admit, type PipelineDeps, run } from './pipeline.ts'
import type { ServedRoute } from './ready_request.ts'
import { clientAddressOf } from './request/forwarded.ts'
import { newRequestId } from './request/request_id.ts'
import { limits } from './request/size_limits.ts'
import { inputReader, type RawRequest } from './request/validate.ts'
import { createRouteIndex, routeNotFound } from './response/allowed_methods.ts'
import { corsOptions } from './response/cors.ts'
import type { OpenStreams } from './response/open_streams.ts'
import { ownWriteMarker } from './response/own_writes.ts'
import { problemHeaders, problemOf, publicError } from './response/problem.ts'
import { headersFor } from './response/security_headers.ts'
import { etagOf, hasEtag, locationOf, serializerOf } from './response/serialize.ts'
import { sendOther } from './send_other.ts'
import { isSentHome } from './site/home.ts'
import type { Homes } from './site/site_endpoints.ts'

const LOG = 'tenantryLog'
const ADMITTED = 'tenantryAdmitted'

/** What the server needs in addition to the pipeline. */
export interface ServerDeps extends Omit<PipelineDeps, 'index' | 'baseIndex'> {
  streams: OpenStreams
  log: Logger
  connections: ConnectionLimiter
  tokens: Tokens
  routes: readonly Route[]
  endpoints: readonly Endpoint[]
  /** Where a browser that opens `/` is sent, if the server has pages. */
  home: Homes
  constraints: ConstraintMeanings
  /** Undefined if tracing is off. */
  spans: Pick<RequestSpans, 'begin'> | undefined
  onFinished(request: FinishedRequest): void
}

/** The server for its owner, who calls `listen` and `close`. */
export type HttpServer = FastifyInstance

/**
 * The HTTP server: Fastify around the two functions of pipeline.ts. Throws if the kernel cannot serve one of
 * the routes.
 */
export async function createServer(given: ServerDeps): Promise<HttpServer> {
  const { config, routes, endpoints, spans } = given
  checkRoutes(routes, given.policy)
  checkPaths(routes, endpoints)
  const atBase = routes.filter((it) => it.access === 'base')
  const ofTenants = routes.filter((it) => it.access !== 'base')
  const deps = {
    ...given,
    index: createRouteIndex([...ofTenants, ...endpoints]),
    baseIndex: createRouteIndex([...atBase, ...endpoints]),
  }
  const app = await createFramework()
  given.connections.limit(app.server)
  app.decorateRequest(LOG)
  app.decorateRequest(ADMITTED)
  // First, because a route keeps the error handler that is set when the route is added.
  app.setErrorHandler((error, request, reply) => sendProblem(deps, error, reply, logOf(request)))
  beginRequests(app, Object.entries(headersFor(config.PUBLIC_ORIGIN)), spans === undefined)
  if (spans) app.addHook('onRequest', ({ raw }, reply, next) => spans.begin(raw, reply.raw, next))
  if (config.CORS_ORIGINS.length > 0) await app.register(cors, corsOptions(config))
  const eventLoop = monitorEventLoop(config.EVENT_LOOP_DELAY_MAX_MS)
  app.addHook('onClose', async () => eventLoop.close())
  admitRequests(app, deps, eventLoop)
  for (const endpoint of endpoints) addEndpoint(app, endpoint)
  for (const route of routes) {
    if (route.raw === undefined) addRoute(app, deps, route)
    else await addRawRoute(app, deps, route)
  }
  app.setNotFoundHandler((request) => {
    throw routeNotFound(deps.index, request.url)
  })
  app.addHook('onResponse', (request, reply, done) => {
    deps.onFinished(finished(deps, request, reply))
    done()
  })
  return app
}

function beginRequests(
  app: FastifyInstance,
  constantHeaders: [string, string][],
  sendsFiles: boolean,
): void {
  app.addHook('onRequest', (request, reply, done) => {
    const log = newRequestLog(request.headers['user-agent'])
    request.setDecorator(LOG, log)
    if (sendsFiles && isFileSent(request, reply, log)) return
    // On the reply of Node.js: setting a header through Fastify costs twice as much.
    for (const [name, value] of constantHeaders) reply.raw.setHeader(name, value)
    reply.raw.setHeader('x-request-id', log.info.id)
    assertWithinLimits(request.raw)
    done()
  })
}

/** Sends a file of the pages, to which nothing of what follows applies. A request that is traced takes the usual way. */
function isFileSent(
  { routeOptions, raw }: FastifyRequest,
  reply: FastifyReply,
  { info }: RequestLog,
): boolean {
  const file = (routeOptions.config as Served).endpoint?.file?.(raw)
  if (file === undefined) return false
  reply.hijack()
  reply.raw.writeHead(file.status, [...file.fields, 'x-request-id', info.id]).end(file.body)
  return true
}

function admitRequests(
  app: FastifyInstance,
  deps: ServerDeps & PipelineDeps,
  eventLoop: EventLoopMonitor,
): void {
  const markOwnWrite = ownWriteMarker(deps.config)
  app.addHook('onRequest', (request, reply, done) => {
    const { endpoint, route, home } = request.routeOptions.config as Served
    // Health still answers: a busy server must not be restarted.
    if (eventLoop.isDelayed && endpoint?.isProbe !== true) {
      return done(unavailable('server.busy', 'The server is busy; try again'))
    }
    if (endpoint !== undefined) return done()
    if (home && isSentHome(deps, request, reply)) return
    markOwnWrite?.(request.method, reply.raw)
    const log = request.getDecorator<RequestLog>(LOG)
    const { id } = log.info
    const arrival = { raw: request.raw, target: request.originalUrl, route, log }
    admit(deps, arrival).then((admitted) => {
      if (log.info.id !== id) reply.raw.setHeader('x-request-id', log.info.id)
      request.setDecorator(ADMITTED, admitted)
      if (admitted !== undefined && 'identity' in admitted) {
        const claims = admitted.identity?.claims
        if (claims?.renewAt !== undefined) renew(deps, arrival, admitted.tenant, claims, reply)
      }
      // A preflight, whose headers the CORS plugin has set.
      if (admitted === undefined) reply.status(204).send()
      else done()
    }, done)
  })
}

// In a scope of its own: the parsers of the other routes must not see its bodies.
async function addRawRoute(
  app: FastifyInstance,
  deps: ServerDeps & PipelineDeps,
  route: Route,
): Promise<void> {
  await app.register((scope, _options, done) => {
    readBytes(scope)
    addRoute(scope, deps, route)
    done()
  })
}

// So that a rotation of SECRET_KEY signs no browser out.
function renew(
  { config, tokens }: ServerDeps,
  arrival: Arrival,
  tenant: Tenant,
  claims: AccessClaims,
  reply: FastifyReply,
): void {
  const cookie = renewedCookie({ config, tokens }, arrival, tenant, claims)
  if (cookie !== undefined) reply.raw.setHeader('set-cookie', cookie)
}

function addRoute(app: FastifyInstance, deps: ServerDeps & PipelineDeps, route: Route): void {
  const read = deps.routes.find((it) => it.method === 'GET' && it.path === route.path)
  const collection = flatCollection(route, deps.routes)
  const served: ServedRoute = {
    route,
    readInput: inputReader(route),
    serialize: serializerOf(route),
    serializeForEtag: read === undefined ? undefined : serializerOf(read),
  }
  app.route({
    method: route.method,
    url: route.path,
    config: { route, home: route.path === '/' && Object.keys(deps.home).length > 0 },
    // Fastify reads no body for a GET.
    ...(route.method === 'GET' ? {} : { preParsing: checkBodyHeaders }),
    ...(route.bodyLimit === undefined ? {} : { bodyLimit: route.bodyLimit }),
    async handler(request, reply) {
      const admitted = request.getDecorator<Admitted | BaseRequest>(ADMITTED)
      // Fastify's query parser returns a record, which Fastify types as unknown.
      const given = request as RawRequest
      if (isAtBase(admitted)) {
        const handled = await runAtBase(deps, admitted, served, given, reply.raw)
        return sendReply(reply, route, collection ?? request.url, handled)
      }
      const handled = await run(deps, admitted, served, given, reply.raw)
      for (const [name, value] of admitted.cookies?.headers ?? []) reply.header(name, value)
      // Beside a renewed session cookie: Fastify's own header would take its place.
      for (const it of handled.cookies ?? []) reply.raw.appendHeader('set-cookie', it)
      if (route.sends !== undefined)
        return sendOther(deps, reply, admitted, handled, request.method)
      return sendReply(reply, route, collection ?? request.url, handled)
    },
  })
}

function isAtBase(request: Admitted | BaseRequest): request is BaseRequest {
  return 'kind' in request
}

function sendReply(
  reply: FastifyReply,
  route: Route,
  url: string,
  { result, payload }: Handled,
): FastifyReply {
  reply.status(route.status)
  if (payload === undefined) return reply.send()
  const location = locationOf(route, url, result)
  if (location !== undefined) reply.header('location', location)
  if (hasEtag(route)) reply.header('etag', etagOf(payload))
  return reply.header('content-type', 'application/json; charset=utf-8').send(payload)
}

// A request that Fastify rejects before any hook has no log entry yet.
function logOf(request: FastifyRequest): RequestLog {
  return request.getDecorator<RequestLog | undefined>(LOG) ?? newRequestLog()
}

// Set by addRoute and addEndpoint. Fastify types a route's config as an open object.
interface Served {
  endpoint?: Endpoint
  route?: Route
  home?: boolean
}

function newRequestLog(userAgent = ''): RequestLog {
  const info = { id: newRequestId(), address: '', userAgent: userAgent.slice(0, 512) }
  const startedAt = performance.now()
  return { startedAt, info, tenantId: undefined, userId: undefined, code: undefined }
}

/** Throws 414 or 431 for limits that Node.js does not enforce. */
function assertWithinLimits(request: IncomingMessage): void {
  if ((request.url?.length ?? 0) > limits.urlBytes) {
    throw new AppError('uri_too_long', 'request.url_too_long', 'The URL is too long')
  }
  if (request.rawHeaders.length / 2 > limits.headerCount) {
    throw new AppError('headers_too_large', 'request.headers', 'There are too many header fields')
  }
}

function sendProblem(deps: ServerDeps, thrown: unknown, reply: FastifyReply, log: RequestLog) {
  const error = publicError(thrown, deps.constraints)
  log.code = error.code
  if (error.kind === 'internal' || error.kind === 'unavailable') {
    const level = error.kind === 'internal' ? 'error' : 'warn'
    deps.log[level]({ request_id: log.info.id, err: error.cause ?? error }, error.message)
  }
  reply.raw.setHeader('x-request-id', log.info.id)
  return reply
    .status(error.status)
    .headers(problemHeaders(error))
    .send(JSON.stringify(problemOf(error, log.info.id)))
}

function finished(
  { config }: PipelineDeps,
  request: FastifyRequest,
  reply: FastifyReply,
): FinishedRequest {
  const { startedAt, info, tenantId, userId, code } = logOf(request)
  const { endpoint, route } = request.routeOptions.config as Served
  const { raw, method } = request
  // An endpoint without a tenant skips the pipeline, which reads it.
  if (info.address === '') info.address = clientAddressOf(raw, config.TRUST_PROXY)
  const ms = performance.now() - startedAt
  const served = route ?? endpoint
  const status = reply.statusCode
  // Property by property, here and in the pipeline: V8 copies a spread object many times slower.
  return { startedAt, info, tenantId, userId, code, raw, method, served, status, ms }
}
