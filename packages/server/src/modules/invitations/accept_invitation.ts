import { type Kysely, sql } from 'kysely'
import { assertAcceptsCredentials } from '../../access/installation_origin.ts'
import { assertAcceptablePassword } from '../../access/password_rules.ts'
import {
  firstMissing,
  type GrantRules,
  lockTenantGrants,
  memberPermissions,
} from '../../access/permissions.ts'
import { isLiveSession } from '../../access/sessions/own_session.ts'
import type { AccessClaims } from '../../access/tokens.ts'
import type { PublicContext } from '../../app/context.ts'
import { recordAudit } from '../../audit/audit_log.ts'
import type { KernelTables } from '../../db/tables.ts'
import { AppError, conflict } from '../../lib/errors.ts'
import { hashSecret } from '../../lib/keys.ts'
import { addInvitedMember } from '../members/members.ts'
import { permissionsOfRoles } from '../roles/roles.ts'
import { type OpenedSession, openSession } from '../sessions/open_session.ts'
import { withPassword } from '../sessions/sign_in.ts'
import type { SignInDeps } from '../sessions/sign_in_deps.ts'
import { invalidToken } from '../single_use_secrets/single_use_secrets.ts'
import { changePassword, createVerifiedUser, type ProvenUser } from '../users/users.ts'
import { findOpenInvitation, type OpenInvitation } from './open_invitation.ts'

/** What acceptance needs. */
export interface AcceptDeps extends SignInDeps {
  rules: GrantRules
}

export interface Acceptance {
  token: string
  password: string
  full_name?: string | undefined
}

/** What the client gets, and the session of its cookie, which the new one replaces. */
export interface AcceptAs {
  wants: 'refresh' | 'cookie'
  carried: AccessClaims | undefined
}

/** What the holder of a link may see. Throws 400 for the token, 403 on a custom domain. */
export async function previewInvitation(deps: AcceptDeps, ctx: PublicContext, token: string) {
  assertAcceptsCredentials(ctx.tenant)
  const { account, email, full_name, roles, inviter_name, message, expires_at } = await find(
    deps,
    ctx,
    hashSecret(token),
  )
  const proven = account?.isProven === true ? 'exists' : 'unverified'
  return {
    ...{ tenant_name: ctx.tenant.name, email, roles, inviter_name, message, expires_at },
    full_name: account?.full_name || full_name,
    account: account === null ? ('none' as const) : (proven as 'exists' | 'unverified'),
    is_member: account?.isMember === true,
  }
}

/**
 * Makes the invited person a member and opens a session. The link proves the mailbox: it creates the account, or
 * sets the password of one whose address was never verified. An account with a verified address accepts by
 * its own password, with the limits of sign-in. Throws 400 for the token, 401 for the password, 403 if the
 * browser is signed in with another account or the inviter may no longer grant the roles, and 422.
 */
export async function acceptInvitation(
  deps: AcceptDeps,
  ctx: PublicContext,
  given: Acceptance,
  { wants, carried }: AcceptAs,
): Promise<OpenedSession> {
  assertAcceptsCredentials(ctx.tenant)
  const hash = hashSecret(given.token)
  const found = await find(deps, ctx, hash)
  await assertSameAccount(deps, ctx, found, carried)
  const replaces = wants === 'cookie' ? carried : undefined
  const how = { method: 'invitation', amr: ['pwd'], wants, replaces } as const
  const join = (change: Change) =>
    deps.database.asIdentity(ctx, (db) => accept(deps, db, ctx, { hash, found, change }))
  const { account, email_key } = found
  if (account?.isProven === true) {
    const credentials = { key: email_key, password: given.password }
    return withPassword(deps, ctx, credentials, async ({ id, credentials_epoch }) => {
      await join({ user: { id, credentials_epoch } })
      return openSession(deps, ctx, { id, credentials_epoch }, how)
    })
  }
  const change = await newPassword(deps, ctx, found, given)
  const user = await join(change)
  return openSession(deps, ctx, user, how).catch((error: unknown) => {
    throw afterRevocation(error)
  })
}

// The new password is committed and has ended the sessions of the account: the reply must wait until this process
// has applied that.
function afterRevocation(error: unknown): unknown {
  if (!(error instanceof AppError)) return error
  const { kind, code, message, extras } = error
  return new AppError(kind, code, message, { ...extras, revoked: true })
}

async function find({ database }: AcceptDeps, ctx: PublicContext, hash: Buffer) {
  const found = await database.asIdentity(ctx, (db) =>
    findOpenInvitation(db, ctx.tenant.realm, hash),
  )
  if (found === undefined) throw invalidToken()
  return found
}

// A mistaken click would otherwise join the wrong account, or end the session of another person who shares the
// browser.
async function assertSameAccount(
  { database }: AcceptDeps,
  ctx: PublicContext,
  { account }: OpenInvitation,
  carried: AccessClaims | undefined,
): Promise<void> {
  if (carried === undefined || carried.userId === account?.id) return
  const isLive = await database.asIdentity(ctx, (db) => isLiveSession(db, carried, carried.userId))
  if (!isLive) return
  const detail = 'You are signed in with another account: sign out, then open the link again'
  throw new AppError('forbidden', 'invitation.other_account', detail)
}

/** What acceptance does to the account. */
type Change = { user: ProvenUser } | { password_hash: string; full_name: string; user?: undefined }

async function newPassword(
  { passwords }: AcceptDeps,
  { tenant }: PublicContext,
  { email, account, full_name: invited }: OpenInvitation,
  given: Acceptance,
): Promise<Change> {
  const full_name = given.full_name || account?.full_name || invited
  const { name: tenantName, subdomain } = tenant
  assertAcceptablePassword(given.password, { email, full_name, tenantName, subdomain }, '/password')
  return { password_hash: await passwords.hash(given.password), full_name }
}

interface Accepting {
  hash: Buffer
  /** The invitation as it was when the proof was checked. */
  found: OpenInvitation
  change: Change
}

// One transaction, under the lock of all changes of permissions: a parallel demotion of the inviter comes
// before it or after it. Deleting the invitation is what one of several acceptances succeeds in.
async function accept(
  deps: AcceptDeps,
  db: Kysely<KernelTables>,
  ctx: PublicContext,
  { hash, found, change }: Accepting,
): Promise<ProvenUser> {
  const { tenant, request } = ctx
  await lockTenantGrants(db, tenant.id)
  const invitation = await findOpenInvitation(db, tenant.realm, hash)
  if (invitation === undefined) throw invalidToken()
  assertUnchanged(found, invitation)
  const roles = await invitedRoles(db, invitation.id)
  await assertStillGranted(deps, db, ctx, { invitation, roles })
  const user = change.user ?? (await changeAccount(db, ctx, invitation, change))
  const isNew = !invitation.account?.isMember
  if (isNew) await addInvitedMember(db, user.id, roles)
  await use(db, invitation)
  const by = { actor_id: user.id }
  const meta = { roles: invitation.roles, invited_by: invitation.invited_by }
  const used = { entity: 'invitations', entity_id: invitation.id, meta, ...by }
  await recordAudit(db, request, { action: 'invitations.accept', ...used })
  const member = { entity: 'members', entity_id: user.id, meta: { roles: invitation.roles }, ...by }
  if (isNew) await recordAudit(db, request, { action: 'members.create', ...member })
  return user
}

// The invitation may have been revoked, or sent again by another member, since it was found.
async function use(db: Kysely<KernelTables>, { id, deliveries }: OpenInvitation): Promise<void> {
  const { numDeletedRows } = await db
    .deleteFrom('tenantry.invitations')
    .where('id', '=', id)
    .where('deliveries', '=', deliveries)
    .executeTakeFirst()
  if (numDeletedRows === 0n) throw invalidToken()
}

// Another acceptance, a reset or a verification may have changed the account while a password was hashed.
function assertUnchanged({ account: before }: OpenInvitation, { account }: OpenInvitation): void {
  const isSame =
    account?.id === before?.id &&
    account?.credentials_epoch === before?.credentials_epoch &&
    account?.isProven === before?.isProven
  if (!isSame) throw conflict('account.changed', 'The account has changed meanwhile; try again')
}

interface InvitedRole {
  role: string
  role_id: string | null
  grants: string[]
}

async function invitedRoles(db: Kysely<KernelTables>, id: string): Promise<InvitedRole[]> {
  return db
    .selectFrom('tenantry.invitation_roles as ir')
    .select(['ir.role', 'ir.role_id'])
    .select(
      sql<string[]>`array(select rp.permission from tenantry.role_permissions rp
        where rp.role_id = ir.role_id)`.as('grants'),
    )
    .where('ir.invitation_id', '=', id)
    .execute()
}

const INVITE = 'invitations:create'

// The inviter may have left or lost permissions since, and the roles may grant more now.
async function assertStillGranted(
  { rules, rejections }: AcceptDeps,
  db: Kysely<KernelTables>,
  ctx: PublicContext,
  { invitation, roles }: { invitation: OpenInvitation; roles: InvitedRole[] },
): Promise<void> {
  const { invited_by, inviter_name } = invitation
  // The identity role sees active users only, so an inviter without a name is gone or disabled.
  const held =
    inviter_name === null ? undefined : await memberPermissions(db, rules.policy, invited_by)
  const wanted = [INVITE, ...permissionsOfRoles(rules.policy, roles)]
  if (held !== undefined && firstMissing(held, rules, wanted) === undefined) return
  rejections.record(ctx.tenant.id, ctx.request, {
    action: 'invitations.rejected',
    meta: { reason: 'inviter', invitation_id: invitation.id },
    about: invited_by,
  })
  const detail =
    'The person who invited you may no longer give this access: ask for a new invitation'
  throw new AppError('forbidden', 'invitation.stale', detail)
}

async function changeAccount(
  db: Kysely<KernelTables>,
  { tenant }: PublicContext,
  { account, email, locale }: OpenInvitation,
  { password_hash, full_name }: { password_hash: string; full_name: string },
): Promise<ProvenUser> {
  if (account === null) {
    return createVerifiedUser(db, {
      ...{ email, full_name, locale, password_hash, realm_id: tenant.realm },
    })
  }
  const { id, credentials_epoch } = account
  const used = { user_id: id, channel: 'mail', credentials_epoch, data: {} } as const
  const changed = await changePassword(db, used, password_hash)
  if (!changed) throw invalidToken()
  return db
    .selectFrom('tenantry.users')
    .select(['id', sql<string>`sessions_valid_from::text`.as('credentials_epoch')])
    .where('id', '=', id)
    .executeTakeFirstOrThrow()
}
