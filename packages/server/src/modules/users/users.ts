import { type Kysely, sql } from 'kysely'
import { assertOwnersRemainWithout } from '../../access/owners.ts'
import type { Policy } from '../../app/policy.ts'
import type { KernelTables } from '../../db/tables.ts'
import { emailKey } from '../../lib/email_address.ts'
import { unprocessable } from '../../lib/errors.ts'
import { newId } from '../../lib/ids.ts'
import type { UsedSecret } from '../single_use_secrets/single_use_secrets.ts'

export interface NewUser {
  email: string
  full_name: string
  /** The realm of the tenant that the user is created for. */
  realm_id: string
  /** An argon2id hash; null for a user who will choose a password through a reset link. */
  password_hash: string | null
}

/**
 * Creates a user, or returns the existing user with this e-mail unchanged. Concurrent calls create one
 * user. Runs in `acrossTenants` only. Throws 422 for a malformed e-mail.
 */
export async function ensureUser(
  db: Kysely<KernelTables>,
  user: NewUser,
): Promise<{ id: string; created: boolean }> {
  const made = await db
    .insertInto('tenantry.users')
    .values({
      id: newId(),
      ...user,
      email: storedEmail(user.email),
      email_key: requireEmailKey(user.email),
    })
    .onConflict((it) => it.columns(['realm_id', 'email_key']).doNothing())
    .returning('id')
    .executeTakeFirst()
  const id = made?.id ?? (await findUserId(db, user.realm_id, user.email))
  if (id === undefined) throw new Error('the user was deleted while it was being added')
  return { id, created: made !== undefined }
}

/**
 * Creates a user whose address is verified by a secret that left by mail, through `asIdentity`. Throws 409 if
 * there is one with this address.
 */
export async function createVerifiedUser(
  db: Kysely<KernelTables>,
  user: NewUser & { locale: string | null },
): Promise<ProvenUser> {
  const { credentials_epoch, id } = await db
    .insertInto('tenantry.users')
    .values({
      id: newId(),
      ...user,
      email: storedEmail(user.email),
      email_key: requireEmailKey(user.email),
      email_verified_at: sql<string>`now()`,
    })
    .returning(['id', sql<string>`sessions_valid_from::text`.as('credentials_epoch')])
    .executeTakeFirstOrThrow()
  return { id, credentials_epoch }
}

/** The id of the user with this e-mail in a realm, if there is one. */
export async function findUserId(
  db: Kysely<KernelTables>,
  realmId: string,
  email: string,
): Promise<string | undefined> {
  const row = await db
    .selectFrom('tenantry.users')
    .select('id')
    .where('realm_id', '=', realmId)
    .where('email_key', '=', requireEmailKey(email))
    .executeTakeFirst()
  return row?.id
}

// The form that mail is addressed to, and from which the canonical key is derived.
function storedEmail(email: string): string {
  return email.trim().normalize('NFKC')
}

function requireEmailKey(email: string): string {
  const key = emailKey(email)
  if (key === undefined) {
    throw unprocessable([{ pointer: '/email', message: `"${email}" is not an e-mail address` }])
  }
  return key
}

/** A user, and the credential epoch that their proof was checked against. */
export interface ProvenUser {
  id: string
  /** users.sessions_valid_from as text: a JavaScript Date would truncate it to milliseconds. */
  credentials_epoch: string
}

/** The stored credentials that a sign-in is checked against. */
export interface Credentials extends ProvenUser {
  password_hash: string | null
}

/** The credentials of a canonical e-mail, through `asIdentity`, which sees active users only. */
export function findCredentials(
  db: Kysely<KernelTables>,
  realmId: string,
  key: string,
): Promise<Credentials | undefined> {
  return db
    .selectFrom('tenantry.users')
    .select(['id', 'password_hash', sql<string>`sessions_valid_from::text`.as('credentials_epoch')])
    .where('email_key', '=', key)
    .where('realm_id', '=', realmId)
    .executeTakeFirst()
}

/** Replaces the hash of a password by a stronger one, unless the password has changed meanwhile. */
export async function replaceHash(
  db: Kysely<KernelTables>,
  { id, password_hash: old }: Credentials,
  password_hash: string,
): Promise<void> {
  // Any other update of the hash would end the user's sessions.
  await sql`select tenantry.rehash_password(${id}, ${old}, ${password_hash})`.execute(db)
}

/** Changes the name or the language of a person, through `asIdentity`. */
export async function updateProfile(
  db: Kysely<KernelTables>,
  id: string,
  profile: { full_name?: string; locale?: string | null },
): Promise<void> {
  await db
    .updateTable('tenantry.users')
    .set({ ...profile, updated_at: sql<string>`now()` })
    .where('id', '=', id)
    .execute()
}

/**
 * Verifies the address of a user through a secret that was just used: it left by mail. Unless the user's own session
 * asks, the first verification voids the password, which ends every session: another person may have chosen it.
 */
export async function verifyAddress(
  db: Kysely<KernelTables>,
  { user_id, credentials_epoch }: UsedSecret,
  isOwn: boolean,
): Promise<string | undefined> {
  const kept = sql<
    string | null
  >`case when email_verified_at is null then null else password_hash end`
  const verified = await db
    .updateTable('tenantry.users')
    .set({
      ...(isOwn ? {} : { password_hash: kept }),
      email_verified_at: sql<string>`coalesce(email_verified_at, now())`,
      updated_at: sql<string>`now()`,
    })
    .where('id', '=', user_id)
    .where('sessions_valid_from', '=', sql<string>`${credentials_epoch}::timestamptz`)
    .returning('email')
    .executeTakeFirst()
  return verified?.email
}

/**
 * Gives a user the address that a secret was mailed to, verified, which ends every session of the user in every
 * tenant. Unless the user's own session asks, it voids the password too. Returns the stored address; undefined if
 * the credentials have changed meanwhile. Throws 409 if another user has it.
 */
export async function changeAddress(
  db: Kysely<KernelTables>,
  { user_id, credentials_epoch }: UsedSecret,
  isOwn: boolean,
  email: string,
): Promise<string | undefined> {
  const changed = await db
    .updateTable('tenantry.users')
    .set({
      email: storedEmail(email),
      email_key: requireEmailKey(email),
      ...(isOwn ? {} : { password_hash: null }),
      email_verified_at: sql<string>`clock_timestamp()`,
      updated_at: sql<string>`now()`,
    })
    .where('id', '=', user_id)
    .where('sessions_valid_from', '=', sql<string>`${credentials_epoch}::timestamptz`)
    .returning('email')
    .executeTakeFirst()
  return changed?.email
}

/**
 * Sets a password, which ends every session of the user in every tenant, through `asIdentity`. Returns false
 * if the credentials have changed since they were checked.
 */
export async function setPassword(
  db: Kysely<KernelTables>,
  { id, credentials_epoch }: Pick<Credentials, 'id' | 'credentials_epoch'>,
  password_hash: string,
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('tenantry.users')
    .set({ password_hash, updated_at: sql<string>`now()` })
    .where('id', '=', id)
    .where('sessions_valid_from', '=', sql<string>`${credentials_epoch}::timestamptz`)
    .executeTakeFirst()
  return numUpdatedRows > 0n
}

/**
 * Sets a password through a secret that was just used, which ends every session of the user in every
 * tenant. Returns false if the credentials have changed since the secret was created.
 */
export async function changePassword(
  db: Kysely<KernelTables>,
  { user_id, channel, credentials_epoch }: UsedSecret,
  password_hash: string,
): Promise<boolean> {
  // A link that was passed on by hand proves nothing about the mailbox.
  const verified = channel === 'mail' ? sql<string>`coalesce(email_verified_at, now())` : undefined
  const { numUpdatedRows } = await db
    .updateTable('tenantry.users')
    .set({
      password_hash,
      ...(verified === undefined ? {} : { email_verified_at: verified }),
      updated_at: sql<string>`now()`,
    })
    .where('id', '=', user_id)
    .where('sessions_valid_from', '=', sql<string>`${credentials_epoch}::timestamptz`)
    .executeTakeFirst()
  return numUpdatedRows > 0n
}

/**
 * Voids the password, the sessions and the links of a user whose address is not verified. Another person
 * may have chosen that password, in another tenant. Returns the stored address; undefined if it is verified. Runs in
 * `acrossTenants` only.
 */
export async function voidUnverifiedPassword(
  db: Kysely<KernelTables>,
  userId: string,
): Promise<string | undefined> {
  const now = sql<string>`now()`
  const voided = await db
    .updateTable('tenantry.users')
    // The epoch moves also where there is no password yet: a link may be able to set one.
    .set({ password_hash: null, sessions_valid_from: now, updated_at: now })
    .where('id', '=', userId)
    .where('email_verified_at', 'is', null)
    .returning('email')
    .executeTakeFirst()
  return voided?.email
}

/**
 * Deletes up to `limit` users who belong to this tenant alone, and returns how many: those of its realm, members or
 * not, and those who are members of no other tenant. Runs in `acrossTenants` only.
 */
export async function deleteUsersOf(
  db: Kysely<KernelTables>,
  tenantId: string,
  limit: number,
): Promise<number> {
  const { numAffectedRows } = await sql`
    delete from tenantry.users where id in (
      select m.user_id from tenantry.members m where m.tenant_id = ${tenantId} and not exists (
        select from tenantry.members other
        where other.user_id = m.user_id and other.tenant_id <> ${tenantId})
      union
      select u.id from tenantry.users u where u.realm_id = ${tenantId}
      limit ${limit})`.execute(db)
  return Number(numAffectedRows ?? 0)
}

/**
 * Disables a user who wants to be deleted, which ends every session in every tenant, and adds the jobs that erase the
 * user after `days`. Runs as the identity role. Throws 409 for the last owner of a tenant.
 */
export async function requestErasure(
  db: Kysely<KernelTables>,
  policy: Policy,
  { id, days, requestId }: { id: string; days: number; requestId: string },
): Promise<void> {
  const tenants = await assertOwnersRemainWithout(db, policy, id)
  const { rows } = await sql<{ requested: boolean }>`
    select tenantry.request_erasure(${id}, ${tenants}::uuid[], ${days}, ${requestId})
      as requested`.execute(db)
  // It was disabled after its session was locked: the lock prevents that.
  if (rows[0]?.requested !== true) throw new Error('the user to be deleted is not active')
}
