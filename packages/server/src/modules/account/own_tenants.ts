import { assertAcceptsCredentials } from '../../access/installation_origin.ts'
import type { TenantContext } from '../../app/context.ts'
import type { Config } from '../../config/config.ts'
import type { KernelTables } from '../../db/tables.ts'
import type { Database } from '../../db/tenancy.ts'
import { homeOf } from '../../tenancy/find_tenant.ts'
import { workspacesOf } from '../tenants/tenants.ts'

/**
 * The tenants that the signed-in person is a member of: this one only, where each has accounts of its own. Throws 403 on a
 * custom domain, whose owner must not learn the other tenants of a member.
 */
export async function ownTenants(
  { config, database }: { config: Config; database: Database },
  { tenant, actor, deadline }: TenantContext<KernelTables>,
) {
  assertAcceptsCredentials(tenant)
  const found = await database.asIdentity({ deadline }, (db) => workspacesOf(db, actor.user.id))
  const items = found.map(({ primary_domain, ...it }) => {
    const origin = config.PUBLIC_ORIGIN.replaceAll('{tenant}', it.subdomain)
    const home = homeOf(origin, primary_domain)
    return { ...it, origin, home, is_current: it.id === tenant.id }
  })
  return { items }
}
