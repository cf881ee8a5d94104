import { type Kysely, sql } from 'kysely'
import type { KernelTables } from '../../db/tables.ts'

/** The account of the invited address, where there is one. */
export interface InvitedAccount {
  id: string
  /** users.sessions_valid_from as text. */
  credentials_epoch: string
  /** Its password may accept: the address is verified, and there is one. */
  isProven: boolean
  isMember: boolean
  full_name: string
}

export interface OpenInvitation {
  id: string
  email: string
  email_key: string
  full_name: string
  locale: string | null
  message: string
  invited_by: string
  deliveries: number
  inviter_name: string | null
  expires_at: string
  roles: string[]
  account: InvitedAccount | null
}

/**
 * The invitation of a secret, through `asIdentity`: undefined for a wrong, expired or used one, for one of
 * another tenant, and for one that a later delivery replaced.
 */
export async function findOpenInvitation(
  db: Kysely<KernelTables>,
  realmId: string,
  hash: Buffer,
): Promise<OpenInvitation | undefined> {
  const { rows } = await sql<OpenInvitation>`
    select i.id, i.email, i.email_key, i.full_name, i.locale, i.message, i.invited_by, i.deliveries,
      i.expires_at,
      coalesce(nullif(inviter.full_name, ''), inviter.email) as inviter_name,
      array(select ir.role from tenantry.invitation_roles ir
        where ir.invitation_id = i.id order by 1) as roles,
      case when u.id is not null then json_build_object('id', u.id, 'full_name', u.full_name,
        'credentials_epoch', u.sessions_valid_from::text,
        'isProven', u.email_verified_at is not null and u.password_hash is not null,
        'isMember', exists (select from tenantry.members m
          where m.tenant_id = i.tenant_id and m.user_id = u.id)) end as account
    from tenantry.single_use_secrets s
    join tenantry.invitations i on i.id = s.invitation_id
    left join tenantry.users u on u.realm_id = ${realmId} and u.email_key = i.email_key
    left join tenantry.users inviter on inviter.id = i.invited_by
    where s.hash = ${hash} and s.kind = 'invitation' and s.used_at is null
      and now() < s.expires_at and now() < i.expires_at
      and (s.data ->> 'delivery')::int = i.deliveries`.execute(db)
  return rows[0]
}
