import type { FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import { createBackground } from './background.ts'
import type { Config } from './config.ts'
import type { Doors } from './db/tenancy.ts'
import type { App } from './define_app.ts'
import { createThrottle } from './http/throttle.ts'
import { createRefusals } from './http/refusals.ts'
import type { Route } from './http/route.ts'
import { createServer } from './http/server.ts'
import type { Mail } from './mail/mail.ts'
import { auditLogRoutes } from './modules/audit_logs/audit_logs.routes.ts'
import { authRoutes } from './modules/auth/auth.routes.ts'
import { memberRoutes } from './modules/members/members.routes.ts'
import { roleRoutes } from './modules/roles/roles.routes.ts'
import { sessionRoutes } from './modules/sessions/sessions.routes.ts'
import { tenantRoutes } from './modules/tenants/tenants.routes.ts'
import type { Passwords } from './passwords.ts'
import { keyRing } from './secrets.ts'
import { createTokens } from './tokens.ts'

export interface AppDeps {
  app: App
  config: Config
  secret: string
  doors: Doors
  log: Logger
  passwords: Passwords
  mail: Mail
}

export interface RunningApp {
  server: FastifyInstance
  routes: readonly Route[]
  /** Finishes what is in flight, then lets go of everything. */
  close(): Promise<void>
}

/** Wires the kernel's modules and the app's routes into one server. All wiring is here. */
export async function createApp(deps: AppDeps): Promise<RunningApp> {
  const { app, config, doors, log } = deps
  const keys = keyRing(deps.secret, config.SECRET_KEY_PREVIOUS)
  const tokens = createTokens(keys, {
    algorithm: config.JWT_ALGORITHM,
    accessMinutes: config.ACCESS_TOKEN_EXPIRE_MINUTES,
  })
  const refusals = createRefusals(doors, (err) => log.error({ err }, 'a refusal was not audited'))
  const throttle = createThrottle(doors, keys, config.RATE_LIMIT === 'on')
  const background = createBackground(log)
  const { passwords, mail } = deps
  const { policy } = app
  const routes = [
    ...tenantRoutes(),
    ...authRoutes({
      config,
      doors,
      passwords,
      refusals,
      throttle,
      tokens,
      mail,
      background,
      appName: app.name,
    }),
    ...sessionRoutes(),
    ...memberRoutes(policy),
    ...roleRoutes(policy),
    ...auditLogRoutes(),
    ...app.routes,
  ]
  const pages: [] = []
  const constraints = app.constraints ?? {}
  const server = await createServer({
    config,
    log,
    doors,
    policy,
    tokens,
    keys,
    refusals,
    routes,
    pages,
    constraints,
  })
  return {
    server,
    routes,
    async close() {
      await server.close()
      await background.drain()
      await refusals.flush()
    },
  }
}
