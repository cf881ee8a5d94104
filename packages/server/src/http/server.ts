import type { ServerResponse } from 'node:http'
import cors from '@fastify/cors'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Logger } from 'pino'
import type { Tokens } from '../access/tokens.ts'
import { checkRoutes } from '../app/check_routes.ts'
import type { ConstraintMeanings } from '../app/constraints.ts'
import type { Policy } from '../app/policy.ts'
import type { Route } from '../app/route.ts'
import type { Database } from '../db/tenancy.ts'
import type { InvalidationListener } from '../invalidation/listener.ts'
import type { KeyRing } from '../lib/keys.ts'
import { after, type MaybePromise } from '../lib/maybe_promise.ts'
import type { FinishedRequest, RequestSpans } from './access_log.ts'
import {
  type AdmissionDeps,
  admit,
  assertStillLetIn,
  newState,
  type RequestState,
  readOrigin,
  signIn,
  tenantOf,
} from './admission.ts'
import { awaitInvalidation } from './await_invalidation.ts'
import type { Endpoint } from './endpoints/endpoint.ts'
import { addEndpoint, createFramework, watchEventLoop } from './framework.ts'
import { type Handled, handleRoute } from './handle.ts'
import { assertWithinLimits } from './request/size_limits.ts'
import { assertMediaType, readInput } from './request/validate.ts'
import { createRouteIndex, type RouteIndex, routeNotFound } from './response/allowed_methods.ts'
import { corsOptions, isPreflight } from './response/cors.ts'
import { problemHeaders, problemOf, publicError } from './response/problem.ts'
import { headersFor } from './response/security_headers.ts'
import { etagOf, hasEtag, locationOf, serializerOf } from './response/serialize.ts'

const STATE = 'tenantryState'

/** What the pipeline needs; made once, in createApp. */
export interface ServerDeps extends AdmissionDeps {
  log: Logger
  database: Database
  listener: Pick<InvalidationListener, 'sync'>
  policy: Policy
  tokens: Tokens
  keys: KeyRing
  routes: readonly Route[]
  pages: readonly Endpoint[]
  constraints: ConstraintMeanings
  /** Absent where nothing is traced. */
  spans: Pick<RequestSpans, 'begin'> | undefined
  onFinished(request: FinishedRequest): void
}

/** The server as its owner sees it: it listens and closes. */
export type HttpServer = FastifyInstance

/**
 * The HTTP server: every request takes these steps, in this order. Throws where a route is not one
 * the kernel can serve.
 */
export async function createServer(deps: ServerDeps): Promise<HttpServer> {
  checkRoutes(deps.routes, deps.policy)
  const app = await createFramework()
  const index = createRouteIndex([...deps.routes, ...deps.pages])
  app.decorateRequest(STATE)
  // One that the framework refused before any hook has none yet.
  const stateOf = (request: FastifyRequest) =>
    request.getDecorator<RequestState | undefined>(STATE) ?? newState(deps.config)
  const constant = Object.entries(headersFor(deps.config.PUBLIC_ORIGIN))

  // First of all: a route keeps the error handler that stands when it is added.
  app.setErrorHandler((error, request, reply) => sendProblem(deps, error, reply, stateOf(request)))
  app.addHook('onRequest', (request, reply, done) => {
    const state = newState(deps.config, request.headers['user-agent'])
    request.setDecorator(STATE, state)
    // Node's own way, at half of what the framework's costs.
    for (const [name, value] of constant) reply.raw.setHeader(name, value)
    reply.raw.setHeader('x-request-id', state.info.id)
    assertWithinLimits(request.raw)
    done()
  })
  const { spans } = deps
  if (spans) app.addHook('onRequest', ({ raw }, reply, next) => spans.begin(raw, reply.raw, next))
  await watchEventLoop(app, deps.config.EVENT_LOOP_DELAY_MAX_MS)
  if (deps.config.CORS_ORIGINS.length > 0) await app.register(cors, corsOptions(deps.config))
  app.addHook('onRequest', (request, reply, done) => {
    const { page, route } = servedBy(request)
    if (page !== undefined) return done()
    const state = stateOf(request)
    readOrigin(deps, request.raw, request.originalUrl, state)
    reply.raw.setHeader('x-request-id', state.info.id)
    const needsNoRoute = letIn(deps, index, request, route, state)
    const goOn = (isAnswered: boolean) => {
      if (isAnswered) reply.status(204).send()
      else done()
    }
    if (needsNoRoute instanceof Promise) needsNoRoute.then(goOn, done)
    else goOn(needsNoRoute)
  })
  // Here the framework reads the body, for those who may send one; the route's handler follows.

  for (const page of deps.pages) addEndpoint(app, page)
  for (const route of deps.routes) addRoute(app, deps, route, stateOf)
  app.setNotFoundHandler((request) => {
    throw routeNotFound(index, request.url)
  })
  app.addHook('onResponse', (request, reply, done) => {
    deps.onFinished(finished(request, reply, stateOf(request)))
    done()
  })
  return app
}

/** Lets a request in to its route. True for a preflight, which needs none. Throws what it is told. */
function letIn(
  deps: ServerDeps,
  index: RouteIndex,
  { raw, url }: FastifyRequest,
  route: Route | undefined,
  state: RequestState,
): MaybePromise<boolean> {
  return after(tenantOf(deps, state), (tenant) => {
    if (isPreflight(deps.config, raw)) return true
    const needsNobody = route === undefined || route.access === 'public'
    if (needsNobody) deps.limits.consumeAnonymous(tenant, state.info)
    if (route === undefined) throw routeNotFound(index, url)
    if (needsNobody) return false
    return after(signIn(deps, raw.rawHeaders, tenant, state), () => {
      admit(deps, route, tenant, state)
      return false
    })
  })
}

function addRoute(
  app: FastifyInstance,
  deps: ServerDeps,
  route: Route,
  stateOf: (request: FastifyRequest) => RequestState,
): void {
  const url = route.path
  const read = deps.routes.find((it) => it.method === 'GET' && it.path === url)
  const served = {
    route,
    serialize: serializerOf(route),
    serializeForEtag: read === undefined ? undefined : serializerOf(read),
  }
  const run = (request: FastifyRequest, client: ServerResponse, state: RequestState) =>
    after(assertStillLetIn(deps, route, state), (tenant) => {
      const input = inputOf(route, request)
      const turn = { tenant, route, client, deadline: state.deadline }
      return deps.limits.withSlot(turn, () =>
        // The turn may have been long in coming.
        after(assertStillLetIn(deps, route, state), (tenant) => {
          const { info, deadline, signedIn } = state
          const ifMatch = request.headers['if-match']
          return handleRoute(deps, { served, tenant, signedIn, info, deadline, ifMatch, input })
        }),
      )
    })
  app.route({
    method: route.method,
    url,
    config: { route },
    ...(route.bodyLimit === undefined ? {} : { bodyLimit: route.bodyLimit }),
    handler(request, reply) {
      const state = stateOf(request)
      const handled = awaitInvalidation(deps.listener, route, run(request, reply.raw, state))
      if (!(handled instanceof Promise)) {
        sendReply(reply, route, request.url, handled)
        return
      }
      return handled.then(async (it) => {
        if (route.method === 'GET') await assertStillLetIn(deps, route, state)
        return sendReply(reply, route, request.url, it)
      })
    },
  })
}

function inputOf(route: Route, { params, query, body, headers }: FastifyRequest): unknown {
  assertMediaType(route, body, headers['content-type'])
  // The framework's own parser gives a record, and its type for it is open.
  return readInput(route, { params, query: query as Record<string, unknown>, body })
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

function servedBy(request: FastifyRequest): { page?: Endpoint; route?: Route } {
  // Set by addRoute and addPage; the framework's own type for it is open.
  return request.routeOptions.config as { page?: Endpoint; route?: Route }
}

function sendProblem(deps: ServerDeps, thrown: unknown, reply: FastifyReply, state: RequestState) {
  const error = publicError(thrown, deps.constraints)
  state.code = error.code
  if (error.kind === 'internal' || error.kind === 'unavailable') {
    const level = error.kind === 'internal' ? 'error' : 'warn'
    deps.log[level]({ request_id: state.info.id, err: error.cause ?? error }, error.message)
  }
  return reply
    .status(error.status)
    .headers(problemHeaders(error))
    .send(JSON.stringify(problemOf(error, state.info.id)))
}

function finished(
  request: FastifyRequest,
  reply: FastifyReply,
  state: RequestState,
): FinishedRequest {
  const { startedAt, info, code, tenant, signedIn } = state
  const { page, route } = servedBy(request)
  return {
    raw: request.raw,
    method: request.method,
    served: route ?? page,
    status: reply.statusCode,
    ms: performance.now() - startedAt,
    code,
    info,
    tenantId: tenant?.id,
    userId: signedIn?.actor.user.id,
  }
}
