import { sql } from 'kysely'
import { INSTALLATION_REALM } from '../../access/realm.ts'
import type { BaseContext } from '../../app/context.ts'
import type { Database } from '../../db/tenancy.ts'
import { unprocessable } from '../../lib/errors.ts'
import { hashSecret, type KeyRing } from '../../lib/keys.ts'
import { invalidToken } from '../single_use_secrets/single_use_secrets.ts'
import { isTaken } from '../subdomains/subdomains.ts'
import { codeMac } from './sign_up_secret.ts'

/** What proves the mailbox of a sign-up: the code or the token of its mail. */
export interface SignUpProof {
  code?: string | undefined
  token?: string | undefined
}

/** A sign-up whose mailbox is proven. */
export interface ProvenSignUp {
  id: string
  email: string
  email_key: string
  tenant_name: string
  subdomain: string
  locale: string | null
  terms_version: string | null
}

/** The account of the address, if it has one. */
export interface Account {
  id: string
  credentials_epoch: string
  /** The address is verified, and there is a password. */
  isProven: boolean
}

/** How a proof is compared with the stored hashes. */
export type Matches = ReturnType<typeof matchOf>

/** The most guesses at the code of one sign-up. The last one voids it, also for the token. */
const MAX_ATTEMPTS = 5

/** The condition for a row of `sign_ups` that can still be confirmed. */
export const signUpIsOpen = sql<boolean>`(
  used_at is null and now() < expires_at and attempts < ${sql.lit(MAX_ATTEMPTS)}
)`

interface Proven {
  signUp: ProvenSignUp
  matches: Matches
  account: Account | undefined
  /** Whether the subdomain has a tenant, or had one until lately. */
  isTaken: boolean
}

type Row = ProvenSignUp & {
  is_proven: boolean
  is_taken: boolean
  user_id: string | null
  credentials_epoch: string | null
  has_credentials: boolean | null
}

/**
 * The sign-up that a code or token belongs to, the account of its address, and whether its subdomain, or the one that is
 * wanted instead, is taken. The statement that compares a code also counts a wrong one, so that no number of concurrent
 * guesses has more attempts than that. Throws 400, and 422 for no proof.
 */
export async function proveSignUp(
  { database, keys }: { database: Database; keys: KeyRing },
  { deadline }: BaseContext,
  id: string,
  proof: SignUpProof & { subdomain?: string | undefined },
): Promise<Proven> {
  const matches = matchOf(keys, id, proof)
  // Where each tenant has accounts of its own, the realm of the installation has none: one elsewhere says nothing.
  // LIMIT keeps the look-up of the account one by its address: a join may read all accounts of the realm.
  const { rows } = await database.asIdentity({ deadline }, (db) =>
    sql<Row>`
      with s as (
        update tenantry.sign_ups
        set attempts = attempts + case when ${matches} then 0 else 1 end
        where id = ${id} and ${signUpIsOpen}
        returning id, email, email_key, tenant_name, subdomain, locale, terms_version,
          ${matches} as is_proven, coalesce(${proof.subdomain ?? null}::text, subdomain) as wanted
      )
      select s.id, s.email, s.email_key, s.tenant_name, s.subdomain, s.locale, s.terms_version,
        s.is_proven, ${isTaken(db, sql`s.wanted`)} as is_taken, u.id as user_id,
        u.credentials_epoch, u.has_credentials
      from s left join lateral (
        select id, sessions_valid_from::text as credentials_epoch,
          email_verified_at is not null and password_hash is not null as has_credentials
        from tenantry.users
        where realm_id = ${INSTALLATION_REALM} and email_key = s.email_key limit 1
      ) u on s.is_proven`.execute(db),
  )
  const [found] = rows
  if (found?.is_proven !== true) throw invalidToken()
  const { is_proven: _, is_taken, user_id, credentials_epoch, has_credentials, ...signUp } = found
  const account =
    user_id === null || credentials_epoch === null
      ? undefined
      : { id: user_id, credentials_epoch, isProven: has_credentials === true }
  return { signUp, matches, account, isTaken: is_taken }
}

// While SECRET_KEY is rotated, an older key may have made the code.
function matchOf({ accepted }: KeyRing, id: string, { code, token }: SignUpProof) {
  if (token !== undefined) return sql<boolean>`(hash = ${hashSecret(token)})`
  if (code === undefined) {
    throw unprocessable([{ pointer: '/code', message: 'is required, or the token of the mail' }])
  }
  const macs = accepted.map((keys) => codeMac(keys, id, code))
  return sql<boolean>`(code_mac in (${sql.join(macs)}))`
}
