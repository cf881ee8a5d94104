import type { Tenant } from '../app/context.ts'
import type { IdentityScope, WaitLimit } from '../db/tenancy.ts'

/**
 * A realm is the scope in which an e-mail address names one user. The nil realm spans the whole
 * installation; a tenant may have one of its own, which has the tenant's id (`tenants.realm_id`). Look-ups
 * of a user by address, and limits that name an account, contain the realm: the same address in another
 * realm is another person.
 */
export const INSTALLATION_REALM = '00000000-0000-0000-0000-000000000000'

/**
 * The scope in which the identity role sees the users of a tenant's realm. Without the tenant it sees only
 * those of the installation, at fewer statements.
 */
export function realmScope(
  { tenant }: { tenant: Pick<Tenant, 'id' | 'realm'> },
  deadline: WaitLimit,
): IdentityScope {
  return tenant.realm === INSTALLATION_REALM ? { deadline } : { tenant, deadline }
}
