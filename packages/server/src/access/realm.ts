import type { Tenant } from '../app/context.ts'
import type { Config } from '../config/config.ts'
import type { IdentityScope, WaitLimit } from '../db/tenancy.ts'
import { AppError } from '../lib/errors.ts'
import { NIL_ID } from '../lib/ids.ts'

/**
 * A realm is the scope in which an e-mail address names one user. With IDENTITY_SCOPE=global all tenants share
 * the nil realm, that of the installation; with `tenant` each has one of its own, which has the tenant's id
 * (`tenants.realm_id`). Look-ups of a user by address, and limits that name an account, contain the realm: the
 * same address in another realm is another person.
 */
export const INSTALLATION_REALM = NIL_ID

/** The realm of a tenant that is about to be created. The database gives it the same one. */
export function realmOfNewTenant(
  { IDENTITY_SCOPE }: Pick<Config, 'IDENTITY_SCOPE'>,
  tenantId: string,
): string {
  return IDENTITY_SCOPE === 'tenant' ? tenantId : INSTALLATION_REALM
}

/** For what only a person with accounts in several tenants can do. Throws 404 where each tenant has its own. */
export function assertGlobalScope({ IDENTITY_SCOPE }: Pick<Config, 'IDENTITY_SCOPE'>): void {
  if (IDENTITY_SCOPE === 'global') return
  const detail = 'Each tenant has accounts of its own here: an account leads to no other tenant'
  throw new AppError('not_found', 'identity.tenant_scope', detail)
}

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
