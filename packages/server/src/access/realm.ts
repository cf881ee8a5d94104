import type { Tenant } from '../app/context.ts'

/**
 * A realm is the scope in which an e-mail address names one user. The nil realm spans the whole
 * installation.
 */
export const GLOBAL_REALM = '00000000-0000-0000-0000-000000000000'

/**
 * The realm of a tenant's users. Look-ups of a user by address and limits that name an account take it
 * from here: the same address in another realm is another person.
 */
export function realmOf(_tenant: Pick<Tenant, 'id'>): string {
  return GLOBAL_REALM
}
