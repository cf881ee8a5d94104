import type { Kysely } from 'kysely'
import type { KernelTables } from '../../db/tables.ts'
import { emailKey } from '../../email.ts'
import { unprocessable } from '../../errors.ts'
import { newId } from '../../ids.ts'
import { GLOBAL_REALM } from '../../realm.ts'

export interface NewUser {
  email: string
  full_name: string
  /** Already hashed; null for somebody who will choose a password by a reset link. */
  password_hash: string | null
}

/** Creates a user; the operators' door only. Throws 409 where the e-mail is taken, 422 if it is none. */
export async function createUser(db: Kysely<KernelTables>, user: NewUser): Promise<string> {
  const id = newId()
  await db
    .insertInto('tenantry.users')
    .values({ id, ...user, email: user.email.trim(), email_key: requireEmailKey(user.email) })
    .execute()
  return id
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

function requireEmailKey(email: string): string {
  const key = emailKey(email)
  if (key === undefined) {
    throw unprocessable([{ pointer: '/email', message: `"${email}" is not an e-mail address` }])
  }
  return key
}
