import { sql } from 'kysely'
import type { z } from 'zod'
import { assertCanGrant, type GrantRules, lockGrants } from '../../access/permissions.ts'
import type { TenantContext } from '../../app/context.ts'
import type { ListQuery } from '../../app/list.ts'
import type { Config } from '../../config/config.ts'
import { readList } from '../../db/read_list.ts'
import type { KernelTables } from '../../db/tables.ts'
import type { Background } from '../../jobs/background.ts'
import { emailKey } from '../../lib/email_address.ts'
import { AppError, conflict, notFound, unprocessable } from '../../lib/errors.ts'
import { newId } from '../../lib/ids.ts'
import type { AttemptLimit, AttemptLimiter } from '../../limits/attempt_limiter.ts'
import { type NamedRole, permissionsOfRoles, requireRoles } from '../roles/roles.ts'
import { invitationMail } from './invitation.mail.ts'
import { InvitationList, type NewInvitation } from './invitations.schema.ts'

type Context = TenantContext<KernelTables>

/** What inviting needs. */
export interface InviteDeps {
  config: Pick<Config, 'INVITATION_EXPIRE_DAYS' | 'INVITATION_MAILS_PER_HOUR'>
  rules: GrantRules
  attemptLimiter: AttemptLimiter
  background: Pick<Background, 'run'>
}

/** Open invitations of a tenant, expired ones included: a bound on what its members can store. */
const MAX_INVITATIONS = 10_000
const MAILS_TO_ADDRESS = 5
const HOUR_SECONDS = 3_600

export async function listInvitations(ctx: Context, query: ListQuery<typeof InvitationList>) {
  const { state } = query
  let rows = invitations(ctx)
  if (state !== undefined) {
    rows = rows.where(sql<boolean>`(i.expires_at > now()) = ${state === 'open'}`)
  }
  return readList(ctx, InvitationList, query, rows)
}

/** All invitations of the tenant, oldest first: there are at most MAX_INVITATIONS. */
export function allInvitations(ctx: Pick<Context, 'db'>) {
  return invitations(ctx).orderBy('i.created_at').orderBy('i.id').execute()
}

/** Throws 404. */
export async function findInvitation(ctx: Context, id: string) {
  const row = await invitations(ctx).where('i.id', '=', id).executeTakeFirst()
  if (row === undefined) throw notFound()
  return row
}

/**
 * Invites a person, by a mail that a job sends. Throws 403 for a role that grants what the actor lacks, 409 for
 * a member and for an address with an open invitation, 422 for an unknown role, 429 for too many mails.
 */
export async function createInvitation(
  ctx: Context,
  deps: InviteDeps,
  given: z.output<typeof NewInvitation>,
) {
  const { full_name = '', message = '', locale = null } = given
  const email = given.email.trim().normalize('NFKC')
  const email_key = keyOf(email)
  return withMailAttempt(ctx, deps, email_key, async () => {
    await lockGrants(ctx, deps.rules)
    const roles = await requireRoles(ctx.db, deps.rules.policy, given.roles)
    assertCanGrant(ctx, deps.rules, permissionsOfRoles(deps.rules.policy, roles))
    await assertNoMember(ctx, email_key)
    await makeRoom(ctx, email_key)
    const id = newId()
    await ctx.db
      .insertInto('tenantry.invitations')
      .values({
        ...{ id, email, email_key, full_name, message, locale },
        invited_by: ctx.actor.user.id,
        expires_at: expiry(deps),
      })
      .execute()
    await insertRoles(ctx, id, roles)
    await ctx.enqueue(invitationMail, { invitation_id: id, delivery: 1 })
    ctx.audit({ entity_id: id, meta: { roles: roles.map((it) => it.role) } })
    return findInvitation(ctx, id)
  })
}

/**
 * Sends a new link, in the name of the actor, and voids the earlier ones. Throws 404, 403 for a role that
 * grants what the actor lacks, and 429.
 */
export async function deliverInvitation(ctx: Context, deps: InviteDeps, id: string) {
  // Address and roles of an invitation never change.
  const { email, roles: names } = await findInvitation(ctx, id)
  return withMailAttempt(ctx, deps, keyOf(email), async () => {
    await lockGrants(ctx, deps.rules)
    const roles = await requireRoles(ctx.db, deps.rules.policy, names)
    assertCanGrant(ctx, deps.rules, permissionsOfRoles(deps.rules.policy, roles))
    const { deliveries } = await ctx.db
      .updateTable('tenantry.invitations')
      .set({
        deliveries: sql<number>`deliveries + 1`,
        delivered_at: sql<string>`now()`,
        expires_at: expiry(deps),
        invited_by: ctx.actor.user.id,
      })
      .where('id', '=', id)
      .returning('deliveries')
      .executeTakeFirstOrThrow(notFound)
    await ctx.enqueue(invitationMail, { invitation_id: id, delivery: deliveries })
    ctx.audit({ meta: { roles: names } })
    return findInvitation(ctx, id)
  })
}

/** Revokes an invitation: its links no longer work. Throws 404. */
export async function revokeInvitation(ctx: Context, id: string): Promise<void> {
  const { roles } = await findInvitation(ctx, id)
  const { numDeletedRows } = await ctx.db
    .deleteFrom('tenantry.invitations')
    .where('id', '=', id)
    .executeTakeFirst()
  if (numDeletedRows === 0n) throw notFound()
  ctx.audit({ meta: { roles } })
}

function invitations({ db }: Pick<Context, 'db'>) {
  return db
    .selectFrom('tenantry.invitations as i')
    .leftJoin('tenantry.users as u', 'u.id', 'i.invited_by')
    .select(['i.id', 'i.email', 'i.full_name', 'i.invited_by', 'i.deliveries'])
    .select(['i.created_at', 'i.delivered_at', 'i.expires_at'])
    .select(sql<string | null>`coalesce(nullif(u.full_name, ''), u.email)`.as('inviter_name'))
    .select(
      sql<'open' | 'expired'>`case when i.expires_at > now() then 'open' else 'expired' end`.as(
        'state',
      ),
    )
    .select(
      sql<string[]>`array(
        select ir.role from tenantry.invitation_roles ir where ir.invitation_id = i.id order by 1
      )`.as('roles'),
    )
}

async function insertRoles({ db }: Context, invitation_id: string, roles: readonly NamedRole[]) {
  if (roles.length === 0) return
  await db
    .insertInto('tenantry.invitation_roles')
    .values(roles.map(({ role, role_id }) => ({ invitation_id, role, role_id })))
    .execute()
}

// The app role sees a user only where the user is a member: the answer does not depend on other tenants.
async function assertNoMember({ db }: Context, key: string): Promise<void> {
  const member = await db
    .selectFrom('tenantry.members')
    .select('user_id')
    .where('email_key', '=', key)
    .executeTakeFirst()
  if (member !== undefined) throw conflict('member.exists', 'This person is a member already')
}

// An expired invitation gives way to a new one.
async function makeRoom({ db }: Context, key: string): Promise<void> {
  await db
    .deleteFrom('tenantry.invitations')
    .where('email_key', '=', key)
    .where('expires_at', '<=', sql<string>`now()`)
    .execute()
  const { count } = await db
    .selectFrom('tenantry.invitations')
    .select(sql<number>`count(*)::int`.as('count'))
    .executeTakeFirstOrThrow()
  if (count < MAX_INVITATIONS) return
  const detail = `The tenant has ${MAX_INVITATIONS} invitations; revoke some first`
  throw new AppError('unprocessable', 'limit.reached', detail)
}

// Counts the mail before `work` takes the tenant's lock: counting needs a connection of the identity pool, and
// acceptances hold theirs while they wait for that lock. A mail that is not sent does not count.
async function withMailAttempt<T>(
  ctx: Context,
  deps: InviteDeps,
  key: string,
  work: () => Promise<T>,
): Promise<T> {
  const attempt = await deps.attemptLimiter.reserve(ctx.deadline, mailLimits(deps, ctx, key))
  try {
    return await work()
  } catch (error) {
    deps.background.run('attempt refund', () => attempt.refund())
    throw error
  }
}

// A mail carries words of the tenant to any address: without limits it could be used to send spam.
function mailLimits({ config }: InviteDeps, { tenant }: Context, key: string): AttemptLimit[] {
  const limit = config.INVITATION_MAILS_PER_HOUR
  return [
    { name: 'invitation mail', subject: [tenant.id], limit, windowSeconds: HOUR_SECONDS },
    {
      name: 'invitation address',
      subject: [tenant.id, key],
      limit: MAILS_TO_ADDRESS,
      windowSeconds: HOUR_SECONDS,
    },
  ]
}

function keyOf(email: string): string {
  const key = emailKey(email)
  if (key === undefined) {
    throw unprocessable([{ pointer: '/email', message: 'must be an e-mail address' }])
  }
  return key
}

function expiry({ config }: InviteDeps) {
  return sql<string>`now() + make_interval(days => ${config.INVITATION_EXPIRE_DAYS})`
}
