import { sql } from 'kysely'
import { z } from 'zod'
import type { JobContext } from '../../app/jobs/job_context.ts'
import type { KernelTables } from '../../db/tables.ts'
import { emailKey } from '../../lib/email_address.ts'
import type { KernelMailContext } from '../../mail/kernel_mail.ts'
import { mailedSecrets } from '../../mail/mailed_secret.ts'

/** What a link proves: the address of the account, or another one that it is to have. */
export type AddressPurpose = 'verification' | 'change'

/** The payload of the mails: which secret, of which user. */
export const AddressMail = z.strictObject({ secret_id: z.uuid(), user_id: z.uuid() })

/** The address that a secret is to prove, from its row. */
export function wantedAddress({ data }: { data: unknown }): string {
  return String(Object(data).email)
}

/** Does another account of the user's realm have the address? */
export async function isAddressTaken(
  { asIdentity }: Pick<KernelMailContext, 'asIdentity'>,
  userId: string,
  email: string,
): Promise<boolean> {
  const other = await asIdentity((db) =>
    db
      .selectFrom('tenantry.users as u')
      .innerJoin('tenantry.users as other', 'other.realm_id', 'u.realm_id')
      .select('other.id')
      .where('u.id', '=', userId)
      .where('other.email_key', '=', emailKey(email) ?? '')
      .whereRef('other.id', '<>', 'u.id')
      .executeTakeFirst(),
  )
  return other !== undefined
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

/**
 * The link with the token, at the origin where the person is signed in. At the subdomain if that is a custom domain that no
 * longer leads to the tenant: the sessions there have ended, and the name may be another server's by now.
 */
export async function addressUrl(
  { config: { EMAIL_URL } }: Pick<KernelMailContext, 'config'>,
  ctx: Pick<JobContext<KernelTables>, 'db' | 'tenant'>,
  purpose: AddressPurpose,
  { origin, token }: { origin: string; token: string },
): Promise<string> {
  return EMAIL_URL.replaceAll('{origin}', await originNow(ctx, origin))
    .replaceAll('{tenant}', ctx.tenant.subdomain)
    .replaceAll('{purpose}', purpose)
    .replaceAll('{token}', token)
}

// The app role sees the tenant's own domains only, and the identity role those of all.
async function originNow(
  { db, tenant }: Pick<JobContext<KernelTables>, 'db' | 'tenant'>,
  origin: string,
): Promise<string> {
  if (origin === tenant.issuer) return origin
  const domain = await db
    .selectFrom('tenantry.domains')
    .select('id')
    .where('name', '=', new URL(origin).hostname)
    .where('state', 'in', ['verified', 'failing'])
    .executeTakeFirst()
  return domain === undefined ? tenant.issuer : origin
}
