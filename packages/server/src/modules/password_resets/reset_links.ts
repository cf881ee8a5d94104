import { type Kysely, sql } from 'kysely'
import type { RequestInfo, Tenant } from '../../app/context.ts'
import { recordAudit } from '../../audit/audit_log.ts'
import type { Config } from '../../config/config.ts'
import type { KernelTables } from '../../db/tables.ts'
import type { Database } from '../../db/tenancy.ts'
import { hashSecret, randomSecret } from '../../lib/keys.ts'

interface LinkDeps {
  config: Config
  database: Database
}

/**
 * Whether the link of `password_resets r` of `users u` still works. A change of the password voids all
 * older links, in whichever tenant they were requested.
 */
export const linkWorks = sql<boolean>`(
  r.used_at is null and now() < r.expires_at and r.created_at >= u.sessions_valid_from
)`

/** Creates a reset link and voids older ones of this tenant. `tenantry user reset-link` uses it too. */
export async function createResetLink(
  deps: LinkDeps,
  tenant: Tenant,
  userId: string,
  request: RequestInfo,
): Promise<string> {
  const token = randomSecret()
  await deps.database.asIdentity({ tenant, deadline: 'background' }, async (db) => {
    await lockUser(db, userId)
    await replaceLink(deps, db, userId, token, request)
  })
  return urlOf(deps, tenant, token)
}

/** The same, but returns undefined if the user has a working link, which is kept. */
export async function createMissingLink(
  deps: LinkDeps,
  tenant: Tenant,
  userId: string,
  request: RequestInfo,
): Promise<string | undefined> {
  const token = randomSecret()
  const created = await deps.database.asIdentity({ tenant, deadline: 'background' }, async (db) => {
    await lockUser(db, userId)
    if (await hasWorkingLink(db, userId)) return false
    await replaceLink(deps, db, userId, token, request)
    return true
  })
  return created ? urlOf(deps, tenant, token) : undefined
}

// Serializes concurrent requests, so that one of two links is the newer one.
async function lockUser(db: Kysely<KernelTables>, userId: string): Promise<void> {
  await db.selectFrom('tenantry.users').select('id').where('id', '=', userId).forUpdate().execute()
}

async function replaceLink(
  { config }: LinkDeps,
  db: Kysely<KernelTables>,
  user_id: string,
  token: string,
  request: RequestInfo,
): Promise<void> {
  const minutes = config.PASSWORD_RESET_EXPIRE_MINUTES
  const expires_at = sql<string>`now() + make_interval(mins => ${minutes})`
  await db.deleteFrom('tenantry.password_resets').where('user_id', '=', user_id).execute()
  await db
    .insertInto('tenantry.password_resets')
    .values({ hash: hashSecret(token), user_id, expires_at })
    .execute()
  const about = { entity: 'users', entity_id: user_id }
  await recordAudit(db, request, { action: 'auth.reset_requested', ...about })
}

async function hasWorkingLink(db: Kysely<KernelTables>, userId: string): Promise<boolean> {
  const link = await db
    .selectFrom('tenantry.password_resets as r')
    .innerJoin('tenantry.users as u', 'u.id', 'r.user_id')
    .select('r.user_id')
    .where('r.user_id', '=', userId)
    .where(linkWorks)
    .executeTakeFirst()
  return link !== undefined
}

function urlOf({ config }: LinkDeps, tenant: Tenant, token: string): string {
  return config.RESET_URL.replaceAll('{origin}', tenant.issuer)
    .replaceAll('{tenant}', tenant.subdomain)
    .replaceAll('{token}', token)
}
