import type { IncomingHttpHeaders } from 'node:http'
import type { Socket } from 'node:net'
import formbody from '@fastify/formbody'
import Fastify, {
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type preParsingHookHandler,
} from 'fastify'
import { AppError } from '../lib/errors.ts'
import type { Endpoint, EndpointReply } from './endpoints/endpoint.ts'
import { routedPath } from './request/forwarded.ts'
import { parseJson } from './request/json_body.ts'
import { newRequestId } from './request/request_id.ts'
import { type Limits, limits as usualLimits } from './request/size_limits.ts'
import { problemHeaders, problemOf, publicError } from './response/problem.ts'
import { constantHeaders } from './response/security_headers.ts'

/** A reply, for code that sends its body itself. */
export type FrameworkReply = FastifyReply

/** A bare Fastify: limits, strict body parsers, and problem+json for requests that reach no route. */
export async function createFramework(limits: Limits = usualLimits): Promise<FastifyInstance> {
  const app = Fastify({
    logger: false,
    trustProxy: false,
    bodyLimit: limits.bodyBytes,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveMs,
    // The only timeout for a client that does not read its reply.
    connectionTimeout: limits.silenceMs,
    // On close, requests in flight are answered; only new connections are refused.
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    // Only the limit of the URL applies: the length of a path parameter is limited by its schema.
    // One trailing slash names the same route. Hooks run after matching, so access is decided for that route.
    routerOptions: { maxParamLength: limits.urlBytes, ignoreTrailingSlash: true },
    http: {
      maxHeaderSize: limits.headerBytes,
      headersTimeout: limits.headersTimeoutMs,
      connectionsCheckingInterval: limits.timeoutCheckMs,
      // originOf rejects a missing Host, in the same form as every other error.
      requireHostHeader: false,
    },
    // An absolute-form target is routed by its path. originOf compares its authority with Host.
    rewriteUrl: routedPath,
    frameworkErrors(error, _request, reply) {
      const { status, headers, text } = earlyProblem(publicError(error))
      reply.raw.writeHead(status, headers)
      reply.raw.end(text)
    },
    clientErrorHandler: answerClientError,
  })
  // Node.js would answer an unknown Expect with an empty 417. It is ignored instead.
  app.server.on('checkExpectation', (request, response) =>
    app.server.emit('request', request, response),
  )
  addParsers(app)
  await app.register(formbody, { bodyLimit: limits.bodyBytes })
  return app
}

/** Adds an endpoint that needs no tenant. */
export function addEndpoint(app: FastifyInstance, endpoint: Endpoint): void {
  const { method = 'GET', path: url } = endpoint
  app.route({
    method,
    url,
    config: { endpoint },
    // Fastify reads no body for a GET.
    ...(method === 'GET' ? {} : { preParsing: checkBodyHeaders }),
    // Without a promise where there is nothing to wait for: files of pages are sent from memory.
    handler(request, reply) {
      const answer = endpoint.respond(endpointRequest(request))
      if (answer instanceof Promise) return answer.then((it) => sendEndpoint(reply, it))
      sendEndpoint(reply, answer)
      return undefined
    },
  })
}

function endpointRequest({ headers, url, raw, originalUrl: target }: FastifyRequest) {
  return {
    headers,
    raw,
    target,
    peer: raw.socket.remoteAddress ?? '',
    get query() {
      return new URLSearchParams(url.split('?', 2)[1])
    },
  }
}

function sendEndpoint(reply: FastifyReply, { status = 200, type, headers, body }: EndpointReply) {
  if (type !== undefined) reply.header('content-type', type)
  if (headers !== undefined) reply.headers(headers)
  return reply.status(status).send(body)
}

/**
 * The hook of routes that take a body. No body is decoded, and a compressed one must not be parsed as it is
 * (RFC 9110, 8.4 and 15.5.16). Without content, the header fields that describe content say nothing.
 */
export const checkBodyHeaders: preParsingHookHandler = ({ raw }, _reply, body, done) => {
  const { headers } = raw
  if (!hasContent(headers)) {
    delete headers['content-type']
    done(null, body)
    return
  }
  const codings = headers['content-encoding']?.toLowerCase().split(',')
  if (codings === undefined || codings.every((it) => it.trim() === 'identity')) {
    done(null, body)
    return
  }
  throw new AppError('unsupported', 'request.encoding', 'Send the body without a content coding', {
    headers: { 'accept-encoding': 'identity' },
  })
}

// RFC 9112, 6.3: without both fields a request has no content.
function hasContent(headers: IncomingHttpHeaders): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}

/** Has the routes of `app` read the bytes of a body of any type. */
export function readBytes(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
}

function addParsers(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => {
    try {
      // A chunked body may be empty too.
      done(null, body.length === 0 ? undefined : parseJson(Buffer.from(body)))
    } catch (error) {
      done(error instanceof Error ? error : new Error(String(error)))
    }
  })
}

const clientErrors: Record<string, AppError> = {
  HPE_HEADER_OVERFLOW: new AppError(
    'headers_too_large',
    'request.headers',
    'The header fields are too large',
  ),
  ERR_HTTP_REQUEST_TIMEOUT: new AppError(
    'timeout',
    'request.timeout',
    'The request took too long to arrive',
  ),
}

// A request that the parser of Node.js rejects has no request object: the reply is written to the socket.
function answerClientError(error: Error, socket: Socket): void {
  const code = 'code' in error ? String(error.code) : ''
  if (code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const { status, title, headers, text } = earlyProblem(
    clientErrors[code] ??
      new AppError('invalid', 'request.malformed', 'The request is not valid HTTP'),
  )
  const head = [
    `HTTP/1.1 ${status} ${title}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    'connection: close',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${text}`)
}

// The complete reply to a request that reached no hook.
function earlyProblem(error: AppError) {
  const id = newRequestId()
  const problem = problemOf(error, id)
  const text = JSON.stringify(problem)
  const headers = {
    ...constantHeaders,
    ...problemHeaders(error),
    'x-request-id': id,
    'content-length': String(Buffer.byteLength(text)),
  }
  return { status: problem.status, title: problem.title, headers, text }
}
