import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Logger } from 'pino'
import type { RequestInfo } from '../app/context.ts'
import type { Route } from '../app/route.ts'
import type { Endpoint } from './endpoints/endpoint.ts'

/** A request whose reply has left, as those see it who keep count: no body, no query, no name. */
export interface FinishedRequest {
  /** For those who know it by identity. */
  raw: IncomingMessage
  method: string
  /** Nothing where no path matched. */
  served: Route | Endpoint | undefined
  status: number
  ms: number
  /** Of the problem it was told. */
  code: string | undefined
  info: RequestInfo
  tenantId: string | undefined
  userId: string | undefined
}

/** The traces of requests. */
export interface RequestSpans {
  /** Begins the span of a request; all that `next` leads to is part of it. */
  begin(request: IncomingMessage, response: ServerResponse, next: () => void): void
  end(request: FinishedRequest): void
  /** What the log line names, so that one leads to the other. */
  traceIdOf(request: FinishedRequest): string | undefined
}

/** The pattern and never the path or the query: neither a token nor an id of a person gets here. */
export function patternOf({ served }: Pick<FinishedRequest, 'served'>): string {
  return served?.path ?? '(none)'
}

/** The one line a request leaves in the log (docs/telemetry.md lists its fields). */
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
