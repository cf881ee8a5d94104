import { sql } from 'kysely'
import type { BaseContext } from '../../app/context.ts'
import type { Database } from '../../db/tenancy.ts'
import { unprocessable } from '../../lib/errors.ts'
import { hashSecret, type KeyRing } from '../../lib/keys.ts'
import { invalidToken } from '../single_use_secrets/single_use_secrets.ts'
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

/** How a proof is compared with the stored hashes. */
export type Matches = ReturnType<typeof matchOf>

/**
 * The sign-up that a code or token belongs to. The statement that compares a code also counts a wrong one, so
 * that no number of concurrent guesses has more than five attempts. Throws 400, and 422 for no proof.
 */
export async function proveSignUp(
  { database, keys }: { database: Database; keys: KeyRing },
  { deadline }: BaseContext,
  id: string,
  proof: SignUpProof,
): Promise<{ signUp: ProvenSignUp; matches: Matches }> {
  const matches = matchOf(keys, id, proof)
  const { rows } = await database.asIdentity({ deadline }, (db) =>
    sql<ProvenSignUp & { is_proven: boolean }>`
      update tenantry.sign_ups
      set attempts = attempts + case when ${matches} then 0 else 1 end
      where id = ${id} and used_at is null and now() < expires_at and attempts < 5
      returning id, email, email_key, tenant_name, subdomain, locale, terms_version,
        ${matches} as is_proven`.execute(db),
  )
  const [found] = rows
  if (found?.is_proven !== true) throw invalidToken()
  const { is_proven: _, ...signUp } = found
  return { signUp, matches }
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
