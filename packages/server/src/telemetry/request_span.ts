import type { IncomingMessage } from 'node:http'
import {
  type Context,
  context,
  ProxyTracerProvider,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import type { Network } from '../config/parsers.ts'
import { type FinishedRequest, patternOf, type RequestSpans } from '../http/access_log.ts'
import { isTrustedPeer } from '../http/request/forwarded.ts'

/**
 * Spans for requests, reported to the OpenTelemetry SDK that this process has registered. Undefined if it
 * has registered none, so that requests pay nothing. Only a trusted proxy can continue a trace: other
 * clients could choose what is sampled and inject their trace ids.
 */
export function createRequestSpans(trusted: Network[]): RequestSpans | undefined {
  const tracer = registeredTracer()
  if (tracer === undefined) return undefined
  const spans = new WeakMap<IncomingMessage, Span>()
  return {
    begin(request, response, next) {
      const parent = isTrustedPeer(request, trusted) ? contextFrom(request) : ROOT_CONTEXT
      const span = tracer.startSpan(request.method ?? '', { kind: SpanKind.SERVER }, parent)
      spans.set(request, span)
      const within = trace.setSpan(parent, span)
      // The body arrives in events of the connection, outside the context of the request.
      context.bind(within, request)
      // If the client disconnects, no reply ends the span. Of a second end the SDK warns.
      response.once('close', () => {
        if (span.isRecording()) span.end()
      })
      context.with(within, next)
    },
    end(request) {
      const span = spans.get(request.raw)
      if (span === undefined) return
      describe(span, request)
      span.end()
    },
    traceIdOf: ({ raw }) => spans.get(raw)?.spanContext().traceId,
  }
}

function registeredTracer(): Tracer | undefined {
  const provider = trace.getTracerProvider()
  return provider instanceof ProxyTracerProvider
    ? provider.getDelegateTracer('tenantry')
    : provider.getTracer('tenantry')
}

function contextFrom(request: IncomingMessage): Context {
  return propagation.extract(ROOT_CONTEXT, request.headers)
}

// Attributes follow the semantic conventions for HTTP. Path, query and names of users are left out, as
// they may identify a person.
function describe(span: Span, request: FinishedRequest): void {
  const route = patternOf(request)
  span.updateName(`${request.method} ${route}`)
  span.setAttributes({
    'http.request.method': request.method,
    'http.route': route,
    'http.response.status_code': request.status,
    'tenantry.request_id': request.info.id,
    ...(request.tenantId === undefined ? {} : { 'tenantry.tenant_id': request.tenantId }),
    ...(request.userId === undefined ? {} : { 'user.id': request.userId }),
    ...(request.code === undefined ? {} : { 'error.type': request.code }),
  })
  if (request.status >= 500) span.setStatus({ code: SpanStatusCode.ERROR })
}
