import type { IncomingMessage } from 'node:http'
import type { Logger } from 'pino'
import type { RequestInfo } from '../context.ts'
import type { Page } from './page.ts'
import type { Route } from './route.ts'

/** A request whose reply has left, as those see it who keep count: no body, no query, no name. */
export interface FinishedRequest {
  /** For those who know it by identity. */
  raw: IncomingMessage
  method: string
  /** Nothing where no path matched. */
  served: Route | Page | undefined
  status: number
  ms: number
  /** Of the problem it was told. */
  code: string | undefined
  info: RequestInfo
  tenantId: string | undefined
  userId: string | undefined
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
