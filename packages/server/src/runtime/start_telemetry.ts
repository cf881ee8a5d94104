import type { Logger } from 'pino'
import type { App } from '../app/define_app.ts'
import type { Config } from '../config/config.ts'
import { withTimeout } from '../lib/deadline.ts'
import { kernelVersion } from '../lib/kernel_version.ts'
import type { RunningApp } from './create_app.ts'
import type { Lifecycle } from './lifecycle.ts'
import { listenFault } from './listeners/listen_port.ts'

// An unreachable collector must not delay the end of the server.
const FLUSH_TIMEOUT_MS = 2_000

interface TelemetryDeps {
  app: App
  config: Config
  log: Logger
}

/** Starts tracing if OTEL_EXPORTER_OTLP_ENDPOINT is set. */
export async function startTraces(
  life: Lifecycle,
  { app, config, log }: TelemetryDeps,
): Promise<void> {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint } = config
  if (endpoint === undefined) return
  const { startTracing } = await import('../telemetry/start_tracing.ts')
  const version = app.version ?? kernelVersion()
  const stop = await startTracing({ endpoint, service: app.name, version, log })
  life.atEnd(async () => {
    await withTimeout(stop(), FLUSH_TIMEOUT_MS).catch((err: unknown) =>
      log.warn({ err }, 'some traces could not be sent'),
    )
  })
}

/** Serves the metrics if METRICS_PORT is set, until all requests are finished. */
export async function startMetrics(
  life: Lifecycle,
  { metrics }: RunningApp,
  { config, log }: Pick<TelemetryDeps, 'config' | 'log'>,
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
