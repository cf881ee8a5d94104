import type { Logger } from 'pino'
import type { App } from '../app/define_app.ts'
import type { Config } from '../config/config.ts'
import { withTimeout } from '../lib/deadline.ts'
import { kernelVersion } from '../lib/kernel_version.ts'
import type { RunningApp } from './create_app.ts'
import type { Lifecycle } from './lifecycle.ts'
import { listenFault } from './listen_port.ts'

// A collector that is out of reach must not hold up the end of a server.
const FLUSH_PATIENCE_MS = 2_000

/** Of which app, and by which settings. */
interface Observed {
  app: App
  config: Config
  log: Logger
}

/** Traces what this server does from here on, where OTEL_EXPORTER_OTLP_ENDPOINT asks for it. */
export async function startTraces(life: Lifecycle, { app, config, log }: Observed): Promise<void> {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint } = config
  if (endpoint === undefined) return
  const { startTracing } = await import('../telemetry/start_tracing.ts')
  const version = app.version ?? kernelVersion()
  const stop = await startTracing({ endpoint, service: app.name, version, log })
  life.atEnd(async () => {
    await withTimeout(stop(), FLUSH_PATIENCE_MS).catch((err: unknown) =>
      log.warn({ err }, 'traces lost'),
    )
  })
}

/** Lets Prometheus read, where METRICS_PORT asks for it, until all requests are finished. */
export async function startMetrics(
  life: Lifecycle,
  { metrics }: RunningApp,
  { config, log }: Pick<Observed, 'config' | 'log'>,
): Promise<void> {
  const { METRICS_PORT: port, METRICS_HOST: host, METRICS_TOKEN: token } = config
  if (metrics === undefined || port === undefined) return
  const { serveMetrics } = await import('../telemetry/metrics_server.ts')
  const server = await serveMetrics(metrics, { port, host, token }).catch((error: unknown) => {
    throw listenFault(error, port, host, 'METRICS_')
  })
  life.atEnd(server.close)
  log.info({ port: server.port, host }, 'metrics are served at /metrics')
}
