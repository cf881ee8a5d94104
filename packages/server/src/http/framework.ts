import type { Socket } from 'node:net'
import formbody from '@fastify/formbody'
import underPressure from '@fastify/under-pressure'
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import { AppError, unavailable } from '../errors.ts'
import { newRequestId } from './request_id.ts'
import { parseJson } from './json.ts'
import { limits } from './limits.ts'
import { problemHeaders, problemOf, publicError } from './problem.ts'

/** A bare framework: limits, strict body parsers, problem+json for what never reaches a route. */
export async function createFramework(): Promise<FastifyInstance> {
  const app = Fastify({
    logger: false,
    trustProxy: false,
    bodyLimit: limits.bodyBytes,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveMs,
    // On close, requests on the way are answered; only new connections are refused.
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    routerOptions: { maxParamLength: 500 },
    http: {
      maxHeaderSize: limits.headerBytes,
      headersTimeout: limits.headersTimeoutMs,
      connectionsCheckingInterval: 2_000,
      // A missing Host is answered by us, in the same form as every other error.
      requireHostHeader: false,
    },
    // An absolute-form target is routed by its path; originOf compares its authority with Host.
    rewriteUrl: (request) => pathOf(request.url ?? '/'),
    frameworkErrors(error, _request, reply) {
      const problem = publicError(error)
      reply.raw.writeHead(problem.status, problemHeaders(problem))
      reply.raw.end(JSON.stringify(problemOf(problem, newRequestId())))
    },
    clientErrorHandler: answerClientError,
  })
  addParsers(app)
  await app.register(formbody, { bodyLimit: limits.bodyBytes })
  await app.register(underPressure, pressureOptions)
  return app
}

function addParsers(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => {
    try {
      done(null, parseJson(Buffer.from(body)))
    } catch (error) {
      done(error instanceof Error ? error : new Error(String(error)))
    }
  })
}

// Health answers even when nothing else does: a busy node is not a dead one.
const pressureOptions = {
  maxEventLoopDelay: 1_000,
  sampleInterval: 500,
  pressureHandler(request: FastifyRequest) {
    if (request.routeOptions.url?.startsWith('/health/')) return
    throw unavailable('server.busy', 'The server is busy; try again')
  },
}

function pathOf(target: string): string {
  return /^https?:\/\/[^/?#]*/i.test(target)
    ? target.replace(/^https?:\/\/[^/?#]*/i, '') || '/'
    : target
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

// What Node's parser refuses has no request object: the answer is written to the socket.
function answerClientError(error: Error, socket: Socket): void {
  const code = 'code' in error ? String(error.code) : ''
  if (code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const problem =
    clientErrors[code] ?? new AppError('invalid', 'request.malformed', 'The request is not valid HTTP')
  const body = problemOf(problem, newRequestId())
  const text = JSON.stringify(body)
  const head = [
    `HTTP/1.1 ${problem.status} ${body.title}`,
    ...Object.entries(problemHeaders(problem)).map(([name, value]) => `${name}: ${value}`),
    `content-length: ${Buffer.byteLength(text)}`,
    'connection: close',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${text}`)
}
