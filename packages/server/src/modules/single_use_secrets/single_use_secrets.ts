import { type Kysely, sql } from 'kysely'
import type { KernelTables } from '../../db/tables.ts'
import { AppError } from '../../lib/errors.ts'
import { NIL_ID } from '../../lib/ids.ts'
import { hashSecret } from '../../lib/keys.ts'
import type { KernelMailContext } from '../../mail/kernel_mail.ts'
import { mailedSecrets } from '../../mail/mailed_secret.ts'

// Lock order: user, secret. Call lockUser or lockUserOf before a secret is used or replaced.

/** The id of no user. */
export const NO_USER = NIL_ID

/** What a secret is for. A secret of one kind is no secret of another one. */
export type SecretKind =
  | 'password_reset'
  | 'email_verification'
  | 'email_change'
  | 'hand_over'
  | 'sign_up'

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
  /** What the secret stands for, besides its user. */
  data?: Record<string, string>
  /** The keyed hash of a short code by which the secret can be used as well. */
  code_mac?: Buffer
}

/** A secret that was used, by the one call that succeeded. */
export interface UsedSecret {
  user_id: string
  channel: SecretChannel
  /** users.sessions_valid_from as text when the secret was created. */
  credentials_epoch: string
  data: unknown
}

/**
 * Whether the secret `single_use_secrets r` of `users u` still works. Whatever moves the credential
 * epoch voids all earlier secrets, in whichever tenant they were created.
 */
export const secretWorks = sql<boolean>`(
  r.used_at is null and now() < r.expires_at and r.credentials_epoch = u.sessions_valid_from
)`

// The job of a mail may need a used secret.
const isObsolete = sql<boolean>`(used_at is null or channel = 'hand' and expires_at < now())`

/**
 * Creates a secret, and deletes those of its kind that the user has in this tenant and that nothing needs any more: the
 * unused ones, and those of before that did not leave by mail.
 */
export async function replaceSecret(db: Kysely<KernelTables>, secret: NewSecret): Promise<void> {
  await db
    .deleteFrom('tenantry.single_use_secrets')
    .where('user_id', '=', secret.userId)
    .where('kind', '=', secret.kind)
    .where(isObsolete)
    .execute()
  await addSecret(db, secret)
}

/** The same in a new tenant, in which no user has a secret yet. */
export async function addSecret(
  db: Kysely<KernelTables>,
  { kind, channel, origin, userId, token, minutes, data = {}, code_mac }: NewSecret,
): Promise<void> {
  await sql`
    insert into tenantry.single_use_secrets
      (hash, kind, channel, origin, user_id, credentials_epoch, data, code_mac, expires_at)
    select ${hashSecret(token)}, ${kind}, ${channel}, ${origin}, u.id, u.sessions_valid_from,
      ${JSON.stringify(data)}, ${code_mac ?? null}, now() + make_interval(mins => ${minutes})
    from tenantry.users u where u.id = ${userId}`.execute(db)
}

/**
 * Does what replaceSecret and an audit row do, for a person who does not exist: as many statements, which
 * write as much, and no row remains. The load that a request leaves behind must not tell whether the
 * person exists.
 */
export async function rehearseSecret(
  db: Kysely<KernelTables>,
  { kind, channel, origin, token, minutes }: Omit<NewSecret, 'userId'>,
): Promise<void> {
  const hash = hashSecret(token)
  const secrets = db.deleteFrom('tenantry.single_use_secrets')
  const earlier = secrets.where('user_id', '=', NO_USER).where('kind', '=', kind)
  await earlier.where(isObsolete).execute()
  await sql`
    insert into tenantry.single_use_secrets (hash, kind, channel, origin, expires_at)
    values (${hash}, ${kind}, ${channel}, ${origin}, now() + make_interval(mins => ${minutes}))`.execute(
    db,
  )
  await secrets.where('hash', '=', hash).execute()
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
    returning r.user_id, r.channel, r.data, r.credentials_epoch::text as credentials_epoch`.execute(
    db,
  )
  return rows[0]
}

const MAX_CODE_ATTEMPTS = 5

/**
 * Uses the secret of a user by its code. The UPDATE that compares the code counts the attempt, so the transaction must
 * commit also if it fails: after five, the code is void. Wrong, used, expired, none at all: all are undefined.
 */
export async function useCode(
  db: Kysely<KernelTables>,
  kind: SecretKind,
  userId: string,
  macsFor: (hash: Buffer) => readonly Buffer[],
): Promise<UsedSecret | undefined> {
  await lockUser(db, userId)
  const secret = await db
    .selectFrom('tenantry.single_use_secrets')
    .select('hash')
    .where('user_id', '=', userId)
    .where('kind', '=', kind)
    .where('used_at', 'is', null)
    .where('code_mac', 'is not', null)
    .executeTakeFirst()
  if (secret === undefined) return undefined
  const { rows } = await sql<UsedSecret & { matches: boolean }>`
    update tenantry.single_use_secrets r set attempts = r.attempts + 1,
      used_at = case when r.code_mac = any (${[...macsFor(secret.hash)]}::bytea[]) then now() end
    from tenantry.users u
    where r.hash = ${secret.hash} and u.id = r.user_id and r.attempts < ${MAX_CODE_ATTEMPTS} and ${secretWorks}
    returning r.user_id, r.channel, r.data, r.credentials_epoch::text as credentials_epoch,
      r.used_at is not null as matches`.execute(db)
  const [{ matches, ...used } = { matches: false }] = rows
  return matches ? (used as UsedSecret) : undefined
}

/**
 * The secret of a mail that is about to be sent, its user, and for how many minutes it still works. Undefined if it was
 * used or replaced, or has expired: then there is nothing to send.
 */
export async function findMailedSecret(
  { keys, asIdentity }: Pick<KernelMailContext, 'keys' | 'asIdentity'>,
  { secret_id, user_id }: { secret_id: string; user_id: string },
  kind: SecretKind,
) {
  const secrets = mailedSecrets(keys, secret_id)
  const hashes = secrets.map((it) => it.hash)
  const found = await asIdentity((db) =>
    db
      .selectFrom('tenantry.single_use_secrets as r')
      .innerJoin('tenantry.users as u', 'u.id', 'r.user_id')
      .select(['r.hash', 'r.origin', 'r.data', 'u.email', 'u.locale'])
      .select(sql<number>`ceil(extract(epoch from r.expires_at - now()) / 60)::int`.as('minutes'))
      .where('r.hash', 'in', hashes)
      .where('r.user_id', '=', user_id)
      .where('r.kind', '=', kind)
      .where(secretWorks)
      .executeTakeFirst(),
  )
  const token = secrets.find(({ hash }) => found?.hash.equals(hash))?.token
  return found && token !== undefined ? { ...found, token } : undefined
}

/** Locks a user: of concurrent requests for a secret one comes first, and its secret is the older one. */
export async function lockUser(db: Kysely<KernelTables>, userId: string): Promise<void> {
  await db.selectFrom('tenantry.users').select('id').where('id', '=', userId).forUpdate().execute()
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

interface InvitationSecret {
  invitation_id: string
  /** Which mail of the invitation it is in: a later one voids it. */
  delivery: number
  token: string
  expires_at: string
}

/**
 * Stores the secret of an invitation, and deletes those of its earlier mails. A repetition finds its secret
 * stored. After a rotation of SECRET_KEY it stores a second one, and both work.
 */
export async function storeInvitationSecret(
  db: Kysely<KernelTables>,
  origin: string,
  { invitation_id, delivery, token, expires_at }: InvitationSecret,
): Promise<void> {
  await sql`
    delete from tenantry.single_use_secrets
    where invitation_id = ${invitation_id} and (data ->> 'delivery')::int < ${delivery}`.execute(db)
  await sql`
    insert into tenantry.single_use_secrets
      (hash, kind, channel, origin, invitation_id, data, expires_at)
    values (${hashSecret(token)}, 'invitation', 'mail', ${origin}, ${invitation_id},
      ${JSON.stringify({ delivery })}, ${expires_at}) on conflict do nothing`.execute(db)
}

/** The one answer to a secret that is wrong, used, expired, another tenant's or another kind's: 400. */
export function invalidToken(): AppError {
  return new AppError('invalid', 'token.invalid', 'Invalid or expired token')
}
