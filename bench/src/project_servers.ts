import { loadActor } from '../../packages/server/src/access/load_actor.ts'
import { boundKysely } from '../../packages/server/src/db/kysely.ts'
import type { KernelTables } from '../../packages/server/src/db/tables.ts'
import { app } from '../../starter/src/app.ts'
import type { AppServer } from './app_server.ts'
import type { Bench } from './bench.ts'
import type { Child } from './child.ts'
import { type BenchTenant, makeTenant } from './tenants.ts'

/** The app and the hand-written loop, both with the projects of one tenant. */
export interface ProjectServers {
  server: AppServer
  bare: Child
  tenant: BenchTenant
}

export async function startProjectServers(bench: Bench): Promise<ProjectServers> {
  const server = await bench.startApp()
  const tenant = await makeTenant(bench.database, server.port)
  const bare = await bench.startPeer('bare_projects', {
    DB_URL: bench.database.urls.app,
    TENANT_ID: tenant.tenantId,
    USER_ID: tenant.userId,
    SESSION_ID: tenant.sessionId,
    PERMISSIONS_SQL: await permissionsStatement(),
  })
  return { server, bare, tenant }
}

/** The kernel's own statement by which a write checks its sender's permissions again. */
async function permissionsStatement(): Promise<string> {
  let text = ''
  const db = boundKysely<KernelTables>(
    async (statement) => {
      text = statement.text
      return { rows: [], rowCount: 0, command: 'SELECT', oid: 0, fields: [] }
    },
    { named: false },
  )
  const ids = { issuer: '', audience: '', tenantId: '', sessionId: '', userId: '' }
  const claims = { ...ids, expiresAt: 0, renewAt: undefined }
  await loadActor(db, app.policy, claims)
  return text
}
