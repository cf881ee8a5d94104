import { DiagLogLevel, diag } from '@opentelemetry/api'
import type { Logger } from 'pino'
import { OperatorError } from '../lib/operator_error.ts'

export interface TracingSettings {
  /** The URL of the OTLP/HTTP collector, without the path. */
  endpoint: string
  /** The name of the service, unless OTEL_SERVICE_NAME is set. */
  service: string
  version: string
  log: Logger
}

const PACKAGES = [
  '@opentelemetry/sdk-trace-node',
  '@opentelemetry/exporter-trace-otlp-http',
  '@opentelemetry/resources',
]

/**
 * Registers the OpenTelemetry SDK, which sends traces to `endpoint`. The SDK reads its other settings from
 * the environment (OTEL_TRACES_SAMPLER, OTEL_EXPORTER_OTLP_HEADERS, ...). Returns a function that sends
 * the remaining spans and stops the SDK. Throws an OperatorError if the packages are not installed.
 */
export async function startTracing(settings: TracingSettings): Promise<() => Promise<void>> {
  const { NodeTracerProvider, BatchSpanProcessor, OTLPTraceExporter, resourceOf } = await loadSdk()
  diag.setLogger(diagnostics(settings.log), { logLevel: DiagLogLevel.WARN })
  const exporter = new OTLPTraceExporter({ url: `${settings.endpoint}/v1/traces` })
  const provider = new NodeTracerProvider({
    resource: resourceOf({ 'service.name': settings.service, 'service.version': settings.version }),
    spanProcessors: [new BatchSpanProcessor(exporter)],
  })
  provider.register()
  return () => provider.shutdown()
}

// Loaded on demand: most installations do not trace.
async function loadSdk() {
  try {
    const [sdk, otlp, resources] = await Promise.all([
      import('@opentelemetry/sdk-trace-node'),
      import('@opentelemetry/exporter-trace-otlp-http'),
      import('@opentelemetry/resources'),
    ])
    const { resourceFromAttributes, detectResources, envDetector } = resources
    const resourceOf = (attributes: Record<string, string>) =>
      resourceFromAttributes(attributes).merge(detectResources({ detectors: [envDetector] }))
    return { ...sdk, ...otlp, resourceOf }
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error
    const install = `npm install ${PACKAGES.join(' ')}`
    const message = `OTEL_EXPORTER_OTLP_ENDPOINT needs packages that are not installed: ${install}`
    throw new OperatorError(message, { cause: error })
  }
}

// An unreachable collector is only a warning in the log.
function diagnostics(log: Logger) {
  const warn = (message: string) => log.warn(`traces: ${message}`)
  const ignore = () => {}
  return { error: warn, warn, info: ignore, debug: ignore, verbose: ignore }
}
