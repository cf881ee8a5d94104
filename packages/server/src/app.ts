import type { FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import type { Config } from './config.ts'
import { describeConstraints } from './db/database_error.ts'
import type { Doors } from './db/tenancy.ts'
import type { App } from './define_app.ts'
import { createRefusals } from './http/refusals.ts'
import type { Route } from './http/route.ts'
import { createServer } from './http/server.ts'
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
  describeConstraints(app.constraints ?? {})
  const routes = [...tenantRoutes(), ...app.routes]
  const pages: [] = []
  const { policy } = app
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
  })
  return {
    server,
    routes,
    async close() {
      await server.close()
      await refusals.flush()
    },
  }
}
