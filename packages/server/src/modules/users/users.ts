import { type Kysely, sql } from 'kysely'
import { GLOBAL_REALM } from '../../access/realm.ts'
import type { KernelTables } from '../../db/tables.ts'
import { emailKey } from '../../lib/email_address.ts'
import { unprocessable } from '../../lib/errors.ts'
import { newId } from '../../lib/ids.ts'
import type { UsedSecret } from '../single_use_secrets/single_use_secrets.ts'

export interface NewUser {
  email: string
  full_name: string
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
  const id = made?.id ?? (await findUserId(db, user.email))
  if (id === undefined) throw new Error('the user was deleted while it was being added')
  return { id, created: made !== undefined }
}

/** The id of the user with this e-mail, if there is one. */
export async function findUserId(
  db: Kysely<KernelTables>,
  email: string,
): Promise<string | undefined> {
  const row = await db
    .selectFrom('tenantry.users')
    .select('id')
    .where('realm_id', '=', GLOBAL_REALM)
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

/** The stored credentials that a sign-in is checked against. */
export interface Credentials {
  id: string
  password_hash: string | null
  /** users.sessions_valid_from as text: a JavaScript Date would truncate it to milliseconds. */
  credentials_epoch: string
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
 * may have chosen that password, in another tenant. Returns false for a verified address. Runs in
 * `acrossTenants` only.
 */
export async function voidUnverifiedPassword(
  db: Kysely<KernelTables>,
  userId: string,
): Promise<boolean> {
  const now = sql<string>`now()`
  const { numUpdatedRows } = await db
    .updateTable('tenantry.users')
    // The epoch moves also where there is no password yet: a link may be able to set one.
    .set({ password_hash: null, sessions_valid_from: now, updated_at: now })
    .where('id', '=', userId)
    .where('email_verified_at', 'is', null)
    .executeTakeFirst()
  return numUpdatedRows > 0n
}
