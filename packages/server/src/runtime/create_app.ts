import type { Logger } from 'pino'
import { createSessionCache, MAX_SESSIONS } from '../access/session_cache.ts'
import { createTokenCache } from '../access/token_cache.ts'
import { createTokens } from '../access/tokens.ts'
import type { App } from '../app/define_app.ts'
import type { Route } from '../app/route.ts'
import { Rejections } from '../audit/rejections.ts'
import type { Config } from '../config/config.ts'
import { poolMetrics } from '../db/pool_metrics.ts'
import { type FinishedRequest, logFinished, type RequestSpans } from '../http/access_log.ts'
import { devMailEndpoints } from '../http/endpoints/dev_mail.ts'
import { docsEndpoints } from '../http/endpoints/docs.ts'
import { createHealth } from '../http/endpoints/health.ts'
import { type OpenApiDocument, openApiDocument, openApiEndpoint } from '../http/openapi/document.ts'
import { createServer, type HttpServer } from '../http/server.ts'
import { createTenantLimits } from '../http/tenant_limits.ts'
import { type CacheStats, cacheMetrics } from '../invalidation/cache_metrics.ts'
import { listenerMetrics } from '../invalidation/listener_metrics.ts'
import { createUncachedLookups } from '../invalidation/uncached_lookups.ts'
import { type Background, createBackground } from '../jobs/background.ts'
import { keyRing } from '../lib/keys.ts'
import { createHostParser } from '../lib/net/hostname.ts'
import { type AttemptLimiter, createAttemptLimiter } from '../limits/attempt_limiter.ts'
import { createMetrics, type Metrics } from '../telemetry/metrics.ts'
import { createRequestSpans } from '../telemetry/request_span.ts'
import { createTenantCache, type TenantCache } from '../tenancy/tenant_cache.ts'
import { allRoutes } from './all_routes.ts'
import type { AppParts } from './app_parts.ts'

const PURGE_INTERVAL_MS = 60_000

export interface AppDeps {
  app: App
  config: Config
  secret: string
  log: Logger
  parts: AppParts
}

export interface RunningApp {
  server: HttpServer
  routes: readonly Route[]
  /** The OpenAPI document of the routes, which /openapi.json serves. */
  document: OpenApiDocument
  caches: { tenants: TenantCache; sessions: CacheStats; tokens: CacheStats }
  /** What Prometheus reads. Undefined without METRICS_PORT: then nothing is counted. */
  metrics: Metrics | undefined
  /** Only makes /health/ready answer 503: the first step of shutting down. */
  drain(): void
  /** Resolves when the work that replies do not wait for has ended: mails, audit rows of rejections. */
  settle(): Promise<void>
  /** Finishes the requests in flight and settles. The parts stay open: their owner closes them. */
  close(): Promise<void>
}

/** Wires the kernel's modules and the app's routes into one server. */
export async function createApp(deps: AppDeps): Promise<RunningApp> {
  const { app, config, log, parts } = deps
  const mechanisms = createMechanisms(deps)
  const { background, rejections, attemptLimiter, caches } = mechanisms
  const routes = allRoutes(app, { ...parts, ...mechanisms, config, appName: app.name })
  const document = openApiDocument(app, routes, { version: app.version ?? '1.0.0' })
  const health = createHealth(parts.database, app.migrations, parts.listener)
  const metrics = createAppMetrics(deps, mechanisms)
  const spans = createRequestSpans(config.TRUST_PROXY)
  const server = await createServer({
    ...parts,
    ...mechanisms,
    config,
    log,
    parseHost: createHostParser(config),
    policy: app.policy,
    routes,
    endpoints: [
      ...health.endpoints,
      openApiEndpoint(document),
      ...docsEndpoints(app.name),
      ...devMailEndpoints(config, app.name, parts.mail),
    ],
    constraints: app.constraints ?? {},
    spans,
    onFinished: observers(log, metrics, spans),
  })
  const purging = purgeRegularly(background, attemptLimiter)
  async function settle(): Promise<void> {
    await background.drain()
    await rejections.flush()
  }
  return {
    server,
    routes,
    document,
    caches,
    metrics,
    drain: health.drain,
    settle,
    async close() {
      health.drain()
      clearInterval(purging)
      await server.close()
      await settle()
    },
  }
}

// What the pipeline and the modules use in addition to the parts that reach outside of the process.
function createMechanisms({ app, config, secret, log, parts: { database, listener } }: AppDeps) {
  const keys = keyRing(secret, config.SECRET_KEY_PREVIOUS)
  const tokens = createTokens(keys, {
    algorithm: config.JWT_ALGORITHM,
    accessMinutes: config.ACCESS_TOKEN_EXPIRE_MINUTES,
  })
  const rejections = new Rejections(database, (err) =>
    log.error({ err }, 'could not write the audit row of a rejection'),
  )
  const uncachedLookups = createUncachedLookups(config.UNCACHED_LOOKUPS_MAX)
  const sources = { listener, uncachedLookups, loadMs: config.REQUEST_WAIT_MS }
  const tenants = createTenantCache(config, database, sources)
  const sessions = createSessionCache(database, app.policy, sources)
  const tokenCache = createTokenCache(tokens, MAX_SESSIONS)
  return {
    keys,
    tokens,
    rejections,
    tenants,
    authentication: { tokenCache, sessions },
    caches: { tenants, sessions, tokens: tokenCache },
    attemptLimiter: createAttemptLimiter(database, keys, config.RATE_LIMIT === 'on'),
    background: createBackground(log),
    limits: createTenantLimits(config),
  }
}

function createAppMetrics(
  { config, parts }: AppDeps,
  { caches, limits, rejections, background }: ReturnType<typeof createMechanisms>,
): Metrics | undefined {
  if (config.METRICS_PORT === undefined) return undefined
  const owners = [parts.passwords, limits, rejections, background]
  const metrics = [
    ...poolMetrics(parts.poolStats),
    ...listenerMetrics(parts.listener),
    ...cacheMetrics(caches),
    ...owners.flatMap((it) => it.metrics()),
  ]
  return createMetrics({ tenants: config.METRICS_TENANTS, metrics })
}

// In this order: the log line needs the id of the span's trace.
function observers(log: Logger, metrics: Metrics | undefined, spans: RequestSpans | undefined) {
  return (request: FinishedRequest) => {
    logFinished(log, request, spans?.traceIdOf(request))
    metrics?.record(request)
    spans?.end(request)
  }
}

// The timer does not keep the process alive.
function purgeRegularly(background: Background, attemptLimiter: AttemptLimiter): NodeJS.Timeout {
  const purge = () => background.run('purge attempts', attemptLimiter.purge)
  return setInterval(purge, PURGE_INTERVAL_MS).unref()
}
