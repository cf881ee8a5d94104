import type { Logger } from 'pino'
import type { Passwords } from '../access/passwords.ts'
import { createLookups, type LookupFigures } from '../access/session_cache.ts'
import { createTokens } from '../access/tokens.ts'
import { checkRoutes } from '../app/check_routes.ts'
import type { App } from '../app/define_app.ts'
import type { Route } from '../app/route.ts'
import { Rejections } from '../audit/rejections.ts'
import type { Config } from '../config/config.ts'
import type { OpenDatabase } from '../db/open_database.ts'
import type { Database } from '../db/tenancy.ts'
import { type FinishedRequest, logFinished, type RequestSpans } from '../http/access_log.ts'
import { devMailEndpoints } from '../http/endpoints/dev_mail.ts'
import { docsEndpoints } from '../http/endpoints/docs.ts'
import type { Endpoint } from '../http/endpoints/endpoint.ts'
import { createHealth } from '../http/endpoints/health.ts'
import { type OpenApiDocument, openApiDocument, openApiEndpoint } from '../http/openapi/document.ts'
import { createServer, type HttpServer } from '../http/server.ts'
import { createTenantLimits } from '../http/tenant_limits.ts'
import type { InvalidationListener } from '../invalidation/listener.ts'
import { type Background, createBackground } from '../jobs/background.ts'
import { createHostParser } from '../lib/hostname.ts'
import { keyRing } from '../lib/keys.ts'
import { type AttemptLimiter, createAttemptLimiter } from '../limits/attempt_limiter.ts'
import type { Mail } from '../mail/mail.ts'
import { auditLogRoutes } from '../modules/audit_logs/audit_logs.routes.ts'
import { memberRoutes } from '../modules/members/members.routes.ts'
import { passwordResetRoutes } from '../modules/password_resets/password_resets.routes.ts'
import type { ResetDeps } from '../modules/password_resets/password_resets.ts'
import { roleRoutes } from '../modules/roles/roles.routes.ts'
import { sessionRoutes } from '../modules/sessions/sessions.routes.ts'
import { signInRoutes } from '../modules/sessions/sign_in.routes.ts'
import type { SignInDeps } from '../modules/sessions/sign_in_deps.ts'
import { tenantRoutes } from '../modules/tenants/tenants.routes.ts'
import { appMetrics, type MetricSources } from '../telemetry/app_metrics.ts'
import { createMetrics, type Metrics } from '../telemetry/metrics.ts'
import { createRequestSpans } from '../telemetry/request_span.ts'

const CLEANING_MS = 60_000

export interface AppDeps {
  app: App
  config: Config
  secret: string
  database: Database
  /** The pools behind the doors, where somebody is to watch them. */
  pools?: Pick<OpenDatabase, 'stats'>
  /** Started and stopped by whoever made it. One that never starts: every look-up asks the database. */
  listener: InvalidationListener
  log: Logger
  passwords: Passwords
  mail: Mail
}

export interface RunningApp {
  server: HttpServer
  routes: readonly Route[]
  /** The description of the routes: what /openapi.json serves. */
  document: OpenApiDocument
  /** How the caches do. */
  stats(): LookupFigures
  /** What Prometheus reads; undefined where METRICS_PORT is not set: then nothing is counted. */
  metrics: Metrics | undefined
  /** Makes /health/ready say no, and nothing else: the first step of shutting down. */
  drain(): void
  /** Resolves when all that replies did not wait for is done: mails, counted refusals. */
  settle(): Promise<void>
  /** Finishes what is in flight, then lets go of everything. */
  close(): Promise<void>
}

/** Wires the kernel's modules and the app's routes into one server. All wiring is here. */
export async function createApp(deps: AppDeps): Promise<RunningApp> {
  const { app, config, database, listener, log, passwords, mail } = deps
  const keys = keyRing(deps.secret, config.SECRET_KEY_PREVIOUS)
  const tokens = createTokens(keys, {
    algorithm: config.JWT_ALGORITHM,
    accessMinutes: config.ACCESS_TOKEN_EXPIRE_MINUTES,
  })
  const rejections = new Rejections(database, (err) =>
    log.error({ err }, 'a refusal was not audited'),
  )
  const attemptLimiter = createAttemptLimiter(database, keys, config.RATE_LIMIT === 'on')
  const background = createBackground(log)
  const cleaning = cleanRegularly(background, attemptLimiter)
  const { policy } = app
  const lookups = createLookups({ config, database, listener, policy, tokens })
  const auth = { config, database, passwords, rejections, attemptLimiter, tokens, mail, background }
  const routes = routesOf(app, { ...auth, appName: app.name })
  const health = createHealth(database, app.migrations, listener)
  const document = openApiDocument(app, routes, { version: app.version ?? '1.0.0' })
  const limits = createTenantLimits(config)
  const metrics = metricsOf(deps, { lookups, passwords, limits, rejections, background })
  const spans = createRequestSpans(config.TRUST_PROXY)
  const server = await createServer({
    config,
    log,
    database,
    listener,
    readHost: createHostParser(config),
    lookups,
    policy,
    tokens,
    keys,
    rejections,
    limits,
    routes,
    pages: [...health.endpoints, openApiEndpoint(document), ...pagesOf(deps)],
    constraints: app.constraints ?? {},
    spans,
    onFinished: observers(log, metrics, spans),
  })
  async function settle(): Promise<void> {
    await background.drain()
    await rejections.flush()
  }
  return {
    server,
    routes,
    document,
    stats: lookups.stats,
    metrics,
    drain: health.drain,
    settle,
    async close() {
      health.drain()
      clearInterval(cleaning)
      await server.close()
      await settle()
    },
  }
}

function metricsOf(
  { config, pools = { stats: () => [] } }: AppDeps,
  watched: Omit<MetricSources, 'pools'>,
): Metrics | undefined {
  if (config.METRICS_PORT === undefined) return undefined
  const stats = appMetrics({ pools, ...watched })
  return createMetrics({ tenants: config.METRICS_TENANTS, metrics: stats })
}

// In this order: the log line names the trace.
function observers(log: Logger, metrics: Metrics | undefined, spans: RequestSpans | undefined) {
  return (request: FinishedRequest) => {
    logFinished(log, request, spans?.traceIdOf(request))
    metrics?.record(request)
    spans?.end(request)
  }
}

function pagesOf({ app, config, mail }: AppDeps): Endpoint[] {
  return [...docsEndpoints(app.name), ...devMailEndpoints(config, app.name, mail)]
}

// No request waits for it, and no process lives for it.
function cleanRegularly(background: Background, attemptLimiter: AttemptLimiter): NodeJS.Timeout {
  return setInterval(
    () => background.run('purge attempt counters', attemptLimiter.purge),
    CLEANING_MS,
  ).unref()
}

// The kernel's modules in order, then the app's own: also the order of the API's description.
function routesOf({ policy, routes }: App, auth: ResetDeps & SignInDeps): Route[] {
  // Before anything is made of them: an app is started without being compiled.
  checkRoutes(routes, policy)
  const guarded = new Set(routes.map((it) => it.access).filter((it) => it.startsWith('role:')))
  const rules = { policy, guarded }
  return [
    ...tenantRoutes(),
    ...signInRoutes(auth),
    ...passwordResetRoutes(auth),
    ...sessionRoutes(rules),
    ...memberRoutes(rules),
    ...roleRoutes(rules),
    ...auditLogRoutes(),
    ...routes,
  ]
}
