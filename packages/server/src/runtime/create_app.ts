import type { Logger } from 'pino'
import { confirmPassword } from '../access/credentials/confirm_password.ts'
import { createSessionCache, MAX_SESSIONS } from '../access/session_cache.ts'
import { createSessionUses } from '../access/sessions/session_uses.ts'
import { createTokenCache } from '../access/token_cache.ts'
import { createTokens } from '../access/tokens.ts'
import type { App } from '../app/define_app.ts'
import type { Route } from '../app/route.ts'
import { Rejections } from '../audit/rejections.ts'
import type { Config } from '../config/config.ts'
import { poolMetrics } from '../db/pool_metrics.ts'
import { replicaMetrics } from '../db/replica/replica_metrics.ts'
import { type FinishedRequest, logFinished, type RequestSpans } from '../http/access_log.ts'
import { createConnectionLimiter } from '../http/connections.ts'
import { devMailEndpoints } from '../http/endpoints/dev_mail.ts'
import { devResetEndpoints } from '../http/endpoints/dev_reset.ts'
import { docsEndpoints } from '../http/endpoints/docs.ts'
import type { Endpoint } from '../http/endpoints/endpoint.ts'
import { createHealth } from '../http/endpoints/health.ts'
import { type OpenApiDocument, openApiDocument, openApiEndpoint } from '../http/openapi/document.ts'
import { OpenStreams } from '../http/response/open_streams.ts'
import { createServer, type HttpServer } from '../http/server.ts'
import { namePages } from '../http/site/name_pages.ts'
import { readSite } from '../http/site/read_site.ts'
import { type ServedSite, serveSite } from '../http/site/site_endpoints.ts'
import { hasUnbuiltPages, siteFolders } from '../http/site/site_folders.ts'
import { createTenantLimits } from '../http/tenant_limits.ts'
import { type CacheStats, cacheMetrics } from '../invalidation/cache_metrics.ts'
import { listenerMetrics } from '../invalidation/listener_metrics.ts'
import { createUncachedLookups } from '../invalidation/uncached_lookups.ts'
import { createBackground } from '../jobs/background.ts'
import type { Worker } from '../jobs/worker.ts'
import { keyRing } from '../lib/keys.ts'
import { createAttemptLimiter } from '../limits/attempt_limiter.ts'
import { InstallationMails } from '../mail/installation_mails.ts'
import { mailJobs } from '../mail/mail_jobs.ts'
import { domainCheckJob } from '../modules/domains/check_domain.ts'
import { createAppWorker } from '../modules/jobs/app_worker.ts'
import { purgeSignUps } from '../modules/sign_ups/sign_ups.ts'
import { eraseUserJob } from '../modules/users/erase_user.ts'
import { createMetrics, type Metrics } from '../telemetry/metrics.ts'
import { createRequestSpans } from '../telemetry/request_span.ts'
import { servedOf } from '../tenancy/domain_holder.ts'
import { createHostParser } from '../tenancy/match_host.ts'
import { ServedNames } from '../tenancy/served_names.ts'
import { createTenantCache, type TenantCache } from '../tenancy/tenant_cache.ts'
import { allRoutes } from './all_routes.ts'
import type { AppParts } from './app_parts.ts'
import { allMailJobs, allMailPreviews, installationMails } from './mails/all_mails.ts'
import { withInstallationMails } from './mails/with_installation_mails.ts'

const PURGE_INTERVAL_MS = 60_000
// The browser sessions in use are written so often, each of them at most once.
const USES_INTERVAL_MS = 60_000

export interface AppDeps {
  app: App
  config: Config
  secret: string
  log: Logger
  parts: AppParts
  /** The only tenants whose jobs the worker runs. Undefined: all. */
  workerTenants?: () => readonly string[]
}

export interface RunningApp {
  server: HttpServer
  routes: readonly Route[]
  /** The OpenAPI document of the routes, which /openapi.json serves. */
  document: OpenApiDocument
  caches: { tenants: TenantCache; sessions: CacheStats; tokens: CacheStats }
  /** Its owner starts it. Undefined in a process that runs no jobs. */
  worker: Worker | undefined
  /** What Prometheus reads. Undefined without METRICS_PORT: then nothing is counted. */
  metrics: Metrics | undefined
  /** The pages of WEB that are not built, and `web/` if the app's own are not. */
  missingPages: readonly string[]
  /** Only makes /health/ready answer 503: the first step of shutting down. */
  drain(): void
  /** Writes which browser sessions were used, which otherwise happens once a minute and at the end. */
  flushUses(): Promise<void>
  /** Resolves when the work that replies do not wait for has ended: jobs, audit rows of rejections. */
  settle(): Promise<void>
  /** Waits for what answered requests left for later, such as the refund of a successful sign-in's attempt. */
  finishBackground(): Promise<void>
  /** Finishes the requests in flight and settles. The parts stay open: their owner closes them. */
  close(): Promise<void>
}

/** Wires the kernel's modules and the app's routes into one server. */
export async function createApp(deps: AppDeps): Promise<RunningApp> {
  const { app, config, log, parts } = deps
  const mechanisms = createMechanisms(deps)
  const { background, attemptLimiter, caches, sessionUses } = mechanisms
  const routes = allRoutes(app, { ...parts, ...mechanisms, config })
  const document = openApiDocument(app, routes, { version: app.version ?? '1.0.0' })
  const health = createHealth(parts.database, app.migrations, parts.listener)
  const worker = createOwnWorker(deps, mechanisms)
  const metrics = createAppMetrics(deps, mechanisms, worker)
  const spans = createRequestSpans(config.TRUST_PROXY)
  const parseHost = createHostParser(config)
  const files = namePages(await readSite(siteFolders(app)), app.name)
  const site = serveSite(files, { ...mechanisms, config, parseHost })
  const missingPages = missingPagesOf(deps, site)
  const server = await createServer({
    ...parts,
    ...mechanisms,
    config,
    log,
    parseHost,
    confirmPassword: (ctx, password) =>
      confirmPassword({ ...parts, ...mechanisms, config }, ctx, password),
    policy: app.policy,
    routes,
    endpoints: [...health.endpoints, openApiEndpoint(document), ...endpointsOf(deps, site)],
    home: site.home,
    streams: new OpenStreams(),
    constraints: app.constraints ?? {},
    spans,
    onFinished: observers(log, metrics, spans),
  })
  const flushUses = () => background.run('session uses', sessionUses.flush)
  const timers = [
    every(PURGE_INTERVAL_MS, () => background.run('purge attempts', attemptLimiter.purge)),
    every(PURGE_INTERVAL_MS, () => background.run('purge sign-ups', () => purgeSignUps(parts))),
    every(USES_INTERVAL_MS, flushUses),
  ]
  return {
    server,
    routes,
    document,
    caches,
    worker,
    metrics,
    missingPages,
    drain: health.drain,
    flushUses: sessionUses.flush,
    // Background work may add jobs.
    settle: () => background.drain().then(() => settleAll(mechanisms, worker?.idle())),
    finishBackground: background.drain,
    async close() {
      health.drain()
      for (const timer of timers) clearInterval(timer)
      const stopped = worker?.stop(config.SHUTDOWN_SECONDS * 1_000)
      await server.close()
      flushUses()
      await settleAll(mechanisms, stopped)
    },
  }
}

async function settleAll(
  {
    background,
    rejections,
  }: Pick<ReturnType<typeof createMechanisms>, 'background' | 'rejections'>,
  jobs: Promise<void> | undefined,
): Promise<void> {
  await background.drain()
  await jobs
  await rejections.flush()
}

function endpointsOf({ app, config, parts }: AppDeps, site: ServedSite): Endpoint[] {
  // In production too: a mistake in a mail shows now, and not when the mail is sent.
  const previews = allMailPreviews(app)
  return [
    ...(config.DOCS === 'on' ? docsEndpoints(app.name) : []),
    ...devMailEndpoints(config, parts.mail, previews),
    ...site.endpoints,
    // A reset link must lead somewhere while an app without pages is developed.
    ...(config.production || site.surfaces.includes('auth') ? [] : devResetEndpoints(app.name)),
  ]
}

function missingPagesOf({ app, config, log }: AppDeps, site: ServedSite): readonly string[] {
  const missing: string[] = config.WEB.filter((it) => !site.surfaces.includes(it))
  if (hasUnbuiltPages(app)) missing.push('web/')
  warnOfMissingPages(config, missing, log)
  return missing
}

// A mailed reset link would lead to a 404. A developer reads it in the banner.
function warnOfMissingPages({ production }: Config, missing: readonly string[], log: Logger) {
  if (!production || missing.length === 0) return
  const advice = 'depend on tenantry-web, build web/, or leave them out of WEB'
  log.warn(`there are no pages for ${missing.join(', ')}: ${advice}`)
}

function createOwnWorker(
  deps: AppDeps,
  { attemptLimiter, keys }: ReturnType<typeof createMechanisms>,
): Worker | undefined {
  const { app, config, log, parts, workerTenants: tenants } = deps
  const { workerDatabase: database, jobs: signal, mail } = parts
  if (database === undefined) return undefined
  const texts = { appName: app.name, changes: app.mailTexts ?? {} }
  const mails = mailJobs(allMailJobs(app), {
    ...texts,
    attemptLimiter,
    config,
    database,
    keys,
    mail,
  })
  const checks = domainCheckJob({ config, database, policy: app.policy })
  const kernelJobs = [...mails, eraseUserJob({ database }), checks]
  const waiting = { ...texts, config, database, keys, log, mail, mails: installationMails }
  const ofTenants = createAppWorker({ app, config, log, database, signal, tenants }, kernelJobs)
  const worker = withInstallationMails(ofTenants, new InstallationMails(waiting))
  signal.onWake(() => worker.notify())
  return worker
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
    sessionUses: createSessionUses(database, config.SESSION_IDLE_DAYS),
    rejections,
    tenants,
    servedNames: new ServedNames((names) => servedOf(database, names)),
    authentication: { tokenCache, sessions },
    caches: { tenants, sessions, tokens: tokenCache },
    attemptLimiter: createAttemptLimiter(database, keys, config.RATE_LIMIT === 'on'),
    background: createBackground(log),
    limits: createTenantLimits(config),
    connections: createConnectionLimiter(config, (rejected) =>
      log.warn({ rejected }, 'closed new connections: the limits of one server are reached'),
    ),
  }
}

function createAppMetrics(
  { config, parts }: AppDeps,
  { caches, connections, limits, rejections, background }: ReturnType<typeof createMechanisms>,
  worker: Worker | undefined,
): Metrics | undefined {
  if (config.METRICS_PORT === undefined) return undefined
  const owners = [parts.passwords, connections, limits, rejections, background]
  const metrics = [
    ...poolMetrics(parts.poolStats),
    ...replicaMetrics(parts.replica),
    ...listenerMetrics(parts.listener),
    ...cacheMetrics(caches),
    ...owners.flatMap((it) => it.metrics()),
    ...(worker?.metrics() ?? []),
  ]
  return createMetrics({ tenants: config.METRICS_TENANTS, metrics })
}

// A timer does not keep the process alive.
function every(ms: number, work: () => void): NodeJS.Timeout {
  return setInterval(work, ms).unref()
}

// In this order: the log line needs the id of the span's trace.
function observers(log: Logger, metrics: Metrics | undefined, spans: RequestSpans | undefined) {
  return (request: FinishedRequest) => {
    logFinished(log, request, spans?.traceIdOf(request))
    metrics?.record(request)
    spans?.end(request)
  }
}
