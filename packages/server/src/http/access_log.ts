import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Logger } from 'pino'
import type { RequestInfo } from '../app/context.ts'
import type { Route } from '../app/route.ts'
import type { Endpoint } from './endpoints/endpoint.ts'

/** What the log line of one request will say: the steps of the pipeline write it as they learn it. */
export interface RequestLog {
  /** By performance.now(). */
  startedAt: number
  info: RequestInfo
  tenantId: string | undefined
  userId: string | undefined
  /** The code of the problem that was the reply. */
  code: string | undefined
}

/** A request whose reply was sent, for log, metrics and traces: no body, no query, no name. */
export interface FinishedRequest extends RequestLog {
  /** Identifies the request's span. */
  raw: IncomingMessage
  method: string
  /** Undefined where no path matched. */
  served: Route | Endpoint | undefined
  status: number
  ms: number
}

/** The traces of requests. */
export interface RequestSpans {
  /** Begins the span of a request; everything that `next` leads to is part of it. */
  begin(request: IncomingMessage, response: ServerResponse, next: () => void): void
  end(request: FinishedRequest): void
  /** The id that the log line names, so that one leads to the other. */
  traceIdOf(request: FinishedRequest): string | undefined
}

/** The route's pattern, never the path or the query: neither a token nor a person's id is logged. */
export function patternOf({ served }: Pick<FinishedRequest, 'served'>): string {
  return served?.path ?? '(none)'
}

/** Writes the one line of a request (docs/telemetry.md lists its fields). */
export function logFinished(log: Logger, request: FinishedRequest, traceId?: string): void {
  log.info({
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
