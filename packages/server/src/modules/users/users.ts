import { type Kysely, sql } from 'kysely'
import { GLOBAL_REALM } from '../../access/realm.ts'
import type { KernelTables } from '../../db/tables.ts'
import { emailKey } from '../../lib/email_address.ts'
import { unprocessable } from '../../lib/errors.ts'
import { newId } from '../../lib/ids.ts'

export interface NewUser {
  email: string
  full_name: string
  /** Already hashed; null for somebody who will choose a password by a reset link. */
  password_hash: string | null
}

/**
 * The user with this e-mail: the one there is, as they are, or else this one; the operators' door
 * only. However many make the same one at once, it is made once. Throws 422 where it is no e-mail.
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
  if (id === undefined) throw new Error('a user vanished while it was made a member')
  return { id, created: made !== undefined }
}

/** The id of the user with this e-mail; undefined where there is none. */
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

// As mail will be addressed: what the canonical form was made from.
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

/** What a sign-in is checked against. */
export interface Credentials {
  id: string
  password_hash: string | null
  /** users.sessions_valid_from in PostgreSQL's own text: a JavaScript date ends at milliseconds. */
  credentials_epoch: string
}

/** The credentials behind a canonical e-mail; the identity door, which sees active users only. */
export function findCredentials(
  db: Kysely<KernelTables>,
  key: string,
): Promise<Credentials | undefined> {
  return db
    .selectFrom('tenantry.users')
    .select(['id', 'password_hash', sql<string>`sessions_valid_from::text`.as('credentials_epoch')])
    .where('email_key', '=', key)
    .where('realm_id', '=', GLOBAL_REALM)
    .executeTakeFirst()
}

/** Replaces a hash by a better one of the same password; not if the password changed meanwhile. */
export async function replaceHash(
  db: Kysely<KernelTables>,
  { id, password_hash: old }: Credentials,
  password_hash: string,
): Promise<void> {
  await db
    .updateTable('tenantry.users')
    .set({ password_hash, updated_at: sql<string>`now()` })
    .where('id', '=', id)
    .where('password_hash', '=', old)
    .execute()
}

/**
 * Sets a password that was asked for at `askedAt` and ends every session of the user. False where
 * the credentials have changed since: of two links, one works.
 */
export async function changePassword(
  db: Kysely<KernelTables>,
  userId: string,
  password_hash: string,
  askedAt: string,
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('tenantry.users')
    .set({
      password_hash,
      sessions_valid_from: sql<string>`clock_timestamp()`,
      // Whoever holds the link reads the mail of this address.
      email_verified_at: sql<string>`coalesce(email_verified_at, now())`,
      updated_at: sql<string>`now()`,
    })
    .where('id', '=', userId)
    .where('sessions_valid_from', '<=', sql<string>`${askedAt}::timestamptz`)
    .executeTakeFirst()
  return numUpdatedRows > 0n
}
