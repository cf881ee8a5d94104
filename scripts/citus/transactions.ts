import { loadActor } from '../../packages/server/src/access/load_actor.ts'
import type { TenantContext } from '../../packages/server/src/app/context.ts'
import { auditInsert } from '../../packages/server/src/audit/audit_log.ts'
import { withClient } from '../../packages/server/src/db/connect/with_client.ts'
import { backgroundScope, type Database } from '../../packages/server/src/db/tenancy.ts'
import { newId } from '../../packages/server/src/lib/ids.ts'
import { insertSample } from '../../packages/server/test/database/sample_rows.ts'
import { app } from '../../starter/src/app.ts'
import type { Database as Tables } from '../../starter/src/database.ts'

/** A tenant with a member who is signed in, and with projects. */
export interface Tenant {
  id: string
  claims: Parameters<typeof loadActor>[2]
  projectIds: string[]
}

const TENANTS = 20
const PROJECTS = 50

export async function makeTenants(adminUrl: string, database: Database): Promise<Tenant[]> {
  const tenants: Tenant[] = []
  for (let at = 0; at < TENANTS; at++) {
    const { tenantId, userId, rows } = await withClient(adminUrl, insertSample)
    const sessionId = rows['tenantry.sessions']?.['id'] ?? ''
    const ids = { issuer: '', audience: '', tenantId, userId, sessionId }
    const projectIds = Array.from({ length: PROJECTS }, newId)
    await database.inTenant<unknown, Tables>(backgroundScope(tenantId), (db) =>
      db
        .insertInto('projects')
        .values(projectIds.map((id) => ({ id, name: `Project ${id}` })))
        .execute(),
    )
    tenants.push({
      id: tenantId,
      claims: { ...ids, expiresAt: 0, renewAt: undefined },
      projectIds,
    })
  }
  return tenants
}

/** Each as a request sends it. */
export const transactions = {
  'a project': (database: Database, { id, projectIds }: Tenant) =>
    database.read(backgroundScope(id), ({ db }) =>
      tablesOf(db)
        .selectFrom('projects')
        .selectAll()
        .where('id', '=', projectIds[Math.floor(Math.random() * PROJECTS)] ?? '')
        .executeTakeFirstOrThrow(),
    ),

  'a list of 20 projects': (database: Database, { id }: Tenant) =>
    database.read(backgroundScope(id), ({ db }) =>
      tablesOf(db)
        .selectFrom('projects')
        .selectAll()
        .orderBy('created_at', 'desc')
        .orderBy('id')
        .limit(20)
        .execute(),
    ),

  'a new project': (database: Database, { id, claims }: Tenant) =>
    database.write(backgroundScope(id), async (transaction) => {
      const { db } = transaction
      await loadActor(db, app.policy, claims)
      const project = { id: newId(), name: newId() }
      await tablesOf(db).insertInto('projects').values(project).returningAll().execute()
      const request = { id: newId(), address: '192.0.2.1', userAgent: '' }
      const entry = { action: 'projects.create', entity: 'projects', entity_id: project.id }
      await transaction.sendWithCommit(auditInsert(db, request, entry))
    }),
}

// One transaction has one kysely, whose type knows either the kernel's tables or the app's.
function tablesOf(db: Parameters<typeof loadActor>[0]): TenantContext<Tables>['db'] {
  return db as unknown as TenantContext<Tables>['db']
}
