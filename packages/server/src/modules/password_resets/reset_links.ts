import type { Kysely } from 'kysely'
import type { RequestInfo, Tenant } from '../../app/context.ts'
import { recordAudit } from '../../audit/audit_log.ts'
import type { Config } from '../../config/config.ts'
import type { KernelTables } from '../../db/tables.ts'
import type { Database } from '../../db/tenancy.ts'
import { enqueueJob, type JobSignal } from '../../jobs/enqueue.ts'
import { newId } from '../../lib/ids.ts'
import { type KeyRing, randomSecret } from '../../lib/keys.ts'
import { mailedSecret } from '../../mail/mailed_secret.ts'
import {
  lockUser,
  NO_USER,
  rehearseSecret,
  replaceSecret,
  type SecretChannel,
  secretWorks,
} from '../single_use_secrets/single_use_secrets.ts'
import { passwordResetMail, resetUrl } from './password_reset.mail.ts'

interface LinkDeps {
  config: Pick<Config, 'PASSWORD_RESET_EXPIRE_MINUTES' | 'RESET_URL'>
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

/** Creates a reset link and voids older ones of this tenant, for `tenantry user reset-link`. */
export async function createResetLink(deps: LinkDeps, wanted: LinkRequest): Promise<string> {
  const token = randomSecret()
  await deps.database.asIdentity(scopeOf(wanted), async (db) => {
    await lockUser(db, wanted.userId)
    await replaceLink(deps, db, wanted, token)
  })
  return resetUrl(deps.config, wanted.tenant, token)
}

interface MailedLinkDeps extends LinkDeps {
  jobs: JobSignal
  keys: KeyRing
}

/** A link that leaves by mail. Without a userId there is no member with the address. */
type MailedLinkRequest = Pick<LinkRequest, 'tenant' | 'request'> & { userId: string | undefined }

/**
 * Creates a reset link, voids older ones of this tenant, and adds the job that mails it, in one transaction.
 * With `keeps`, a working link that was mailed is kept, and nothing else happens. Without a member it does
 * as much, in as many statements, and no link remains.
 */
export async function mailResetLink(
  deps: MailedLinkDeps,
  { userId, ...wanted }: MailedLinkRequest,
  keeps: boolean,
): Promise<void> {
  const { tenant, request } = wanted
  const secret_id = newId()
  const token = mailedSecret(deps.keys, secret_id)
  await deps.database.asIdentity({ tenant, deadline: 'background' }, async (db) => {
    await lockUser(db, userId ?? NO_USER)
    if (keeps && ((await hasWorkingMail(db, userId ?? NO_USER)) || userId === undefined)) return
    if (userId === undefined) await rehearseLink(deps, db, wanted, token)
    else await replaceLink(deps, db, { ...wanted, userId, channel: 'mail' }, token)
    const payload = { secret_id, user_id: userId ?? null }
    await enqueueJob({ db, requestId: request.id }, passwordResetMail, payload)
  })
  deps.jobs.notify()
}

function rehearseLink(
  { config }: LinkDeps,
  db: Kysely<KernelTables>,
  { tenant }: Pick<LinkRequest, 'tenant'>,
  token: string,
): Promise<void> {
  const minutes = config.PASSWORD_RESET_EXPIRE_MINUTES
  const secret = { kind: 'password_reset', channel: 'mail', minutes } as const
  return rehearseSecret(db, { ...secret, origin: tenant.issuer, token })
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
