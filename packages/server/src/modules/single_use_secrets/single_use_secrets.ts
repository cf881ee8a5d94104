import { type Kysely, sql } from 'kysely'
import type { KernelTables } from '../../db/tables.ts'
import { hashSecret } from '../../lib/keys.ts'

// Lock order: user, secret. Call lockUserOf before a secret is used or replaced.

/** What a secret is for. A secret of one kind is no secret of another one. */
export type SecretKind = 'password_reset'

/** How a secret leaves: only one that left by mail proves access to the mailbox. */
export type SecretChannel = 'mail' | 'hand'

export interface NewSecret {
  kind: SecretKind
  channel: SecretChannel
  /** The origin of the link: one of the installation, see installation_origin.ts. */
  origin: string
  userId: string
  token: string
  minutes: number
}

/** A secret that was used, by the one call that succeeded. */
export interface UsedSecret {
  user_id: string
  channel: SecretChannel
  /** users.sessions_valid_from as text when the secret was created. */
  credentials_epoch: string
}

/**
 * Whether the secret `single_use_secrets r` of `users u` still works. Whatever moves the credential
 * epoch voids all earlier secrets, in whichever tenant they were created.
 */
export const secretWorks = sql<boolean>`(
  r.used_at is null and now() < r.expires_at and r.credentials_epoch = u.sessions_valid_from
)`

/** Creates a secret, and deletes those of its kind that the user has in this tenant. */
export async function replaceSecret(
  db: Kysely<KernelTables>,
  { kind, channel, origin, userId, token, minutes }: NewSecret,
): Promise<void> {
  await db
    .deleteFrom('tenantry.single_use_secrets')
    .where('user_id', '=', userId)
    .where('kind', '=', kind)
    .execute()
  await sql`
    insert into tenantry.single_use_secrets
      (hash, kind, channel, origin, user_id, credentials_epoch, expires_at)
    select ${hashSecret(token)}, ${kind}, ${channel}, ${origin}, u.id, u.sessions_valid_from,
      now() + make_interval(mins => ${minutes})
    from tenantry.users u where u.id = ${userId}`.execute(db)
}

/**
 * Uses a secret, in the transaction of its effect. The conditional UPDATE lets one of several concurrent
 * calls succeed. Wrong, used, expired, another tenant's and another kind's: all are undefined.
 */
export async function useSecret(
  db: Kysely<KernelTables>,
  kind: SecretKind,
  hash: Buffer,
): Promise<UsedSecret | undefined> {
  const { rows } = await sql<UsedSecret>`
    update tenantry.single_use_secrets r set used_at = now() from tenantry.users u
    where r.hash = ${hash} and r.kind = ${kind} and u.id = r.user_id and ${secretWorks}
    returning r.user_id, r.channel, r.credentials_epoch::text as credentials_epoch`.execute(db)
  return rows[0]
}

/** Locks the user of a secret, where it has one. */
export async function lockUserOf(db: Kysely<KernelTables>, hash: Buffer): Promise<void> {
  await db
    .selectFrom('tenantry.single_use_secrets as r')
    .innerJoin('tenantry.users as u', 'u.id', 'r.user_id')
    .select('u.id')
    .where('r.hash', '=', hash)
    .forUpdate('u')
    .execute()
}
