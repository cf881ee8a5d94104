import { sql } from 'kysely'
import { z } from 'zod'
import type { KernelMailContext } from '../../mail/kernel_mail.ts'
import { mailedSecrets } from '../../mail/mailed_secret.ts'
import { secretWorks } from '../single_use_secrets/single_use_secrets.ts'

/** What a link proves: the address of the account, or another one that it is to have. */
export type AddressPurpose = 'verification' | 'change'

/** The payload of the mails: which secret, of which user. */
export const AddressMail = z.strictObject({ secret_id: z.uuid(), user_id: z.uuid() })

export interface AddressSecret {
  token: string
  /** Where it was requested. */
  origin: string
  /** The address that is to be proven. */
  wanted: string
  locale: string | null
  minutes: number
  /** Another account has the address. */
  isTaken: boolean
}

/** The secret of a mail. Undefined if it was used or replaced, or has expired: then there is nothing to send. */
export async function findAddressSecret(
  { keys, asIdentity }: KernelMailContext,
  { secret_id, user_id }: z.output<typeof AddressMail>,
  purpose: AddressPurpose,
): Promise<AddressSecret | undefined> {
  const secrets = mailedSecrets(keys, secret_id)
  const found = await asIdentity((db) =>
    db
      .selectFrom('tenantry.single_use_secrets as r')
      .innerJoin('tenantry.users as u', 'u.id', 'r.user_id')
      .select(['u.locale', 'r.hash', 'r.origin'])
      .select(sql<string>`r.data ->> 'email'`.as('wanted'))
      .select(sql<number>`ceil(extract(epoch from r.expires_at - now()) / 60)::int`.as('minutes'))
      .select(
        sql<boolean>`exists (select from tenantry.users other where other.realm_id = u.realm_id
          and other.email_key = r.data ->> 'email_key' and other.id <> u.id)`.as('isTaken'),
      )
      .where(
        'r.hash',
        'in',
        secrets.map((it) => it.hash),
      )
      .where('r.user_id', '=', user_id)
      .where('r.kind', '=', `email_${purpose}` as const)
      .where(secretWorks)
      .executeTakeFirst(),
  )
  const token = secrets.find(({ hash }) => found?.hash.equals(hash))?.token
  return found && token !== undefined ? { ...found, token } : undefined
}

/**
 * The recipient and the content of the notice about a change. A change that was confirmed before the job ran is
 * no reason to send none: the secret stores the address that the account had at the request.
 */
export async function findAddressNotice(
  { keys, asIdentity }: KernelMailContext,
  { secret_id, user_id }: z.output<typeof AddressMail>,
): Promise<{ old: string; wanted: string; locale: string | null } | undefined> {
  const hashes = mailedSecrets(keys, secret_id).map((it) => it.hash)
  return asIdentity((db) =>
    db
      .selectFrom('tenantry.single_use_secrets as r')
      .innerJoin('tenantry.users as u', 'u.id', 'r.user_id')
      .select('u.locale')
      .select(sql<string>`r.data ->> 'old_email'`.as('old'))
      .select(sql<string>`r.data ->> 'email'`.as('wanted'))
      .where('r.hash', 'in', hashes)
      .where('r.user_id', '=', user_id)
      .where('r.kind', '=', 'email_change')
      .executeTakeFirst(),
  )
}

/** The link with the token, at the origin where the person is signed in. */
export function addressUrl(
  { config: { EMAIL_URL } }: KernelMailContext,
  subdomain: string,
  purpose: AddressPurpose,
  { origin, token }: { origin: string; token: string },
): string {
  return EMAIL_URL.replaceAll('{origin}', origin)
    .replaceAll('{tenant}', subdomain)
    .replaceAll('{purpose}', purpose)
    .replaceAll('{token}', token)
}
