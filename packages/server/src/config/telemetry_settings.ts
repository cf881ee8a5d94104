import { bearerToken, httpUrl, integer, oneOf, type Setting, text } from './parsers.ts'

/** The settings of logs, metrics and traces (docs/telemetry.md). */
export const telemetrySettings = {
  LOG_LEVEL: {
    fallback: 'info',
    meaning: '`trace`, `debug`, `info`, `warn`, `error`, `fatal` or `silent`',
    parse: oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'),
  },
  METRICS_PORT: {
    meaning:
      'port of a separate listener that serves Prometheus metrics at `/metrics`. If unset, no metrics are collected (docs/telemetry.md)',
    parse: integer(0, 65535),
  },
  METRICS_HOST: {
    fallback: '127.0.0.1',
    meaning: 'address of the metrics listener',
    parse: text,
  },
  METRICS_TOKEN: {
    secret: true,
    meaning:
      'bearer token that the metrics listener requires, at least 16 characters. If unset, it requires none',
    parse: bearerToken,
  },
  METRICS_TENANTS: {
    fallback: '20',
    meaning: 'how many of the busiest tenants have request metrics of their own; 0 for none',
    parse: integer(0, 1000),
  },
  OTEL_EXPORTER_OTLP_ENDPOINT: {
    meaning:
      'OTLP/HTTP endpoint for traces, such as http://localhost:4318; needs additional packages (docs/telemetry.md). If unset, no traces are sent',
    parse: httpUrl('http://localhost:4318'),
  },
} satisfies Record<string, Setting<unknown>>
