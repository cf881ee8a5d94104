import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Logger } from 'pino'
import type { RequestInfo } from '../app/context.ts'
import type { Route } from '../app/route.ts'
import type { Endpoint } from './endpoints/endpoint.ts'

/** The content of a request's log line. Each step of the pipeline adds what it finds out. */
export interface RequestLog {
  /** By performance.now(). */
  startedAt: number
  info: RequestInfo
  tenantId: string | undefined
  userId: string | undefined
  /** The code of the problem, if the reply is one. */
  code: string | undefined
}

/** A request whose reply was sent, for log, metrics and traces. Without body, query and names. */
export interface FinishedRequest extends RequestLog {
  /** The key of the request's span. */
  raw: IncomingMessage
  method: string
  /** Undefined if no path matched. */
  served: Route | Endpoint | undefined
  status: number
  ms: number
}

/** The traces of requests. */
export interface RequestSpans {
  /** Starts the span of a request. Everything that `next` leads to is part of it. */
  begin(request: IncomingMessage, response: ServerResponse, next: () => void): void
  end(request: FinishedRequest): void
  /** The id of the trace, for the log line. */
  traceIdOf(request: FinishedRequest): string | undefined
}

/** The route's pattern. Never the path or the query, which may hold a token or the id of a person. */
export function patternOf({ served }: Pick<FinishedRequest, 'served'>): string {
  return served?.path ?? '(none)'
}

/** Writes the one line of a request (docs/telemetry.md lists its fields). */
export function logFinished(log: Logger, request: FinishedRequest, traceId?: string): void {
  log[levelOf(request)]({
    request_id: request.info.id,
    method: request.method,
    route: patternOf(request),
    status: request.status,
    code: request.code,
    ms: Math.round(request.ms * 100) / 100,
    tenant_id: request.tenantId,
    user_id: request.userId,
    address: request.info.address,
    trace_id: traceId,
  })
}

function levelOf({ served, status }: FinishedRequest): 'debug' | 'info' {
  const isProbe = served !== undefined && 'isProbe' in served
  return isProbe && status < 400 ? 'debug' : 'info'
}
