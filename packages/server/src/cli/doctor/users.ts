import { hashCheckOf } from '../../access/credentials/imported_hash.ts'
import { type Account, readAccounts } from '../../db/provisioning/read_accounts.ts'
import { emailKey } from '../../lib/email_address.ts'
import type { Check } from './check.ts'

/**
 * Counts the active users who cannot sign in, because their hash or their email_key is none that a sign-in
 * uses: rows that were imported by SQL. Needs the role of sign-ins, which alone may read hashes.
 */
export async function checkUsers(identityUrl: string): Promise<Check[]> {
  const found: Found = { users: 0, otherKeys: 0, unusable: new Map() }
  await readAccounts(identityUrl, (account) => judge(account, found))
  return checksOf(found)
}

interface Found {
  users: number
  otherKeys: number
  /** By scheme. */
  unusable: Map<string, number>
}

function judge({ email, email_key, password_hash }: Account, found: Found): void {
  found.users++
  if (emailKey(email) !== email_key) found.otherKeys++
  const scheme = unusableScheme(password_hash)
  if (scheme !== undefined) found.unusable.set(scheme, (found.unusable.get(scheme) ?? 0) + 1)
}

// Never more of the text than the name of a scheme: it may be a password in plain text.
const SCHEME =
  /^(?:\{[\w.@-]{1,32}\}|\$[\w-]{1,20}\$|(?:argon2|bcrypt|bcrypt_sha256|crypt|md5|pbkdf2_\w{1,10}|scrypt|sha1)\$)/

// Without a password, and with the "!" that Django and shadow(5) write instead of one, a reset link works.
function unusableScheme(hash: string | null): string | undefined {
  if (hash === null || hash.startsWith('!') || hashCheckOf(hash) !== undefined) return undefined
  return SCHEME.exec(hash)?.[0] ?? 'unknown'
}

function checksOf({ users, otherKeys, unusable }: Found): Check[] {
  const name = 'users'
  const warn = (detail: string): Check => ({ name, state: 'warn', detail })
  const schemes = [...unusable].toSorted()
  const counts = schemes.map(([scheme, count]) => `${count} of scheme ${scheme}`)
  const found = [
    ...(counts.length === 0
      ? []
      : [warn(`no sign-in can use these password hashes: ${counts.join(', ')}; ${remedy}`)]),
    ...(otherKeys === 0
      ? []
      : [
          warn(
            `no sign-in finds ${otherKeys} users: email_key is not that of their email; ${guide}`,
          ),
        ]),
  ]
  if (found.length > 0) return found
  const detail = users === 0 ? 'none yet' : 'every active user has a usable hash, or no password'
  return [{ name, state: 'ok', detail }]
}

const guide = 'see docs/importing-users.md'
const remedy = `set them to NULL and send these users a reset link (${guide})`
