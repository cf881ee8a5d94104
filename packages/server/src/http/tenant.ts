import { sql } from 'kysely'
import type { Tenant } from '../context.ts'
import type { Doors } from '../db/tenancy.ts'
import { AppError } from '../errors.ts'
import type { HostClaim } from './host.ts'

/**
 * The tenant a host claims, read from the database by one statement. Throws 404 where there is
 * none and 403 where it is suspended; a tenant being deleted is none.
 */
export async function resolveTenant(
  doors: Doors,
  claim: HostClaim,
  publicOrigin: string,
): Promise<Tenant> {
  const found = await findTenant(doors, claim)
  if (found === undefined) throw new AppError('not_found', 'tenant.not_found', 'Tenant not found')
  if (found.status === 'suspended') {
    throw new AppError('forbidden', 'tenant.suspended', 'Tenant suspended')
  }
  const { id, name, subdomain, domain, rate, concurrency } = found
  const issuer = publicOrigin.replaceAll('{tenant}', subdomain)
  return {
    id,
    name,
    subdomain,
    issuer,
    origin: domain === null ? issuer : onDomain(issuer, domain),
    limits: { rate, concurrency },
  }
}

// Same scheme and port as the subdomain's origin, the tenant's own name.
function onDomain(origin: string, domain: string): string {
  const url = new URL(origin)
  url.hostname = domain
  return url.origin
}

// The door shows verified domains only.
const firstDomain = sql<string | null>`(
  select d.name from tenantry.domains d where d.tenant_id = t.id order by d.created_at, d.name limit 1
)`

function findTenant(doors: Doors, claim: HostClaim) {
  if (claim.kind === 'nobody') return undefined
  return doors.asIdentity((db) => {
    const tenants = db
      .selectFrom('tenantry.tenants as t')
      .select(['t.id', 't.name', 't.subdomain', 't.status', 't.rate', 't.concurrency'])
      .select(firstDomain.as('domain'))
    if (claim.kind === 'subdomain') {
      return tenants.where('t.subdomain', '=', claim.subdomain).executeTakeFirst()
    }
    const owner = db
      .selectFrom('tenantry.domains as d')
      .select('d.tenant_id')
      .where('d.name', '=', claim.domain)
    return tenants.where('t.id', '=', owner).executeTakeFirst()
  })
}
