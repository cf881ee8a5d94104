import type { Kysely } from 'kysely'
import type { RequestInfo, Tenant } from '../../app/context.ts'
import { recordAudit } from '../../audit/audit_log.ts'
import type { Config } from '../../config/config.ts'
import type { KernelTables } from '../../db/tables.ts'
import type { Database } from '../../db/tenancy.ts'
import { randomSecret } from '../../lib/keys.ts'
import {
  replaceSecret,
  type SecretChannel,
  secretWorks,
} from '../single_use_secrets/single_use_secrets.ts'

interface LinkDeps {
  config: Config
  database: Database
}

/** For whom a link is created, and how it leaves. */
export interface LinkRequest {
  tenant: Tenant
  userId: string
  request: RequestInfo
  channel: SecretChannel
}

function scopeOf({ tenant }: LinkRequest) {
  return { tenant, deadline: 'background' } as const
}

/** Creates a reset link and voids older ones of this tenant. `tenantry user reset-link` uses it too. */
export async function createResetLink(deps: LinkDeps, wanted: LinkRequest): Promise<string> {
  const token = randomSecret()
  await deps.database.asIdentity(scopeOf(wanted), async (db) => {
    await lockUser(db, wanted.userId)
    await replaceLink(deps, db, wanted, token)
  })
  return urlOf(deps, wanted.tenant, token)
}

/** The same, but returns undefined if the user has a working link by mail, which is kept. */
export async function createMissingLink(
  deps: LinkDeps,
  wanted: LinkRequest,
): Promise<string | undefined> {
  const token = randomSecret()
  const created = await deps.database.asIdentity(scopeOf(wanted), async (db) => {
    await lockUser(db, wanted.userId)
    if (await hasWorkingMail(db, wanted.userId)) return false
    await replaceLink(deps, db, wanted, token)
    return true
  })
  return created ? urlOf(deps, wanted.tenant, token) : undefined
}

// Serializes concurrent requests, so that one of two links is the newer one.
async function lockUser(db: Kysely<KernelTables>, userId: string): Promise<void> {
  await db.selectFrom('tenantry.users').select('id').where('id', '=', userId).forUpdate().execute()
}

async function replaceLink(
  { config }: LinkDeps,
  db: Kysely<KernelTables>,
  { tenant, userId, request, channel }: LinkRequest,
  token: string,
): Promise<void> {
  const minutes = config.PASSWORD_RESET_EXPIRE_MINUTES
  const origin = tenant.issuer
  await replaceSecret(db, { kind: 'password_reset', channel, origin, userId, token, minutes })
  const about = { entity: 'users', entity_id: userId, meta: { channel } }
  await recordAudit(db, request, { action: 'auth.reset_requested', ...about })
}

// A link that was passed on by hand is not in the mailbox.
async function hasWorkingMail(db: Kysely<KernelTables>, userId: string): Promise<boolean> {
  const link = await db
    .selectFrom('tenantry.single_use_secrets as r')
    .innerJoin('tenantry.users as u', 'u.id', 'r.user_id')
    .select('r.user_id')
    .where('r.user_id', '=', userId)
    .where('r.kind', '=', 'password_reset')
    .where('r.channel', '=', 'mail')
    .where(secretWorks)
    .executeTakeFirst()
  return link !== undefined
}

function urlOf({ config }: LinkDeps, tenant: Tenant, token: string): string {
  return config.RESET_URL.replaceAll('{origin}', tenant.issuer)
    .replaceAll('{tenant}', tenant.subdomain)
    .replaceAll('{token}', token)
}
