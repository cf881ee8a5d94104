import type { Tenant } from '../app/context.ts'
import type { Database } from '../db/tenancy.ts'
import { AppError } from '../lib/errors.ts'
import type { HostMatch } from '../lib/net/hostname.ts'

/** A tenant found by its host. */
export interface FoundTenant {
  tenant: Tenant
  suspended: boolean
}

/** Finds the tenant of a host by one statement. A tenant that is being deleted is not found. */
export async function findTenant(
  database: Database,
  host: HostMatch,
  publicOrigin: string,
): Promise<FoundTenant | undefined> {
  const found = await tenantRow(database, host)
  if (found === undefined) return undefined
  const { id, name, subdomain, status, rate, concurrency } = found
  const issuer = publicOrigin.replaceAll('{tenant}', subdomain)
  const origin = host.kind === 'domain' ? onDomain(issuer, host.domain) : issuer
  // Frozen: many requests share it.
  const limits = Object.freeze({ rate, concurrency })
  const tenant = Object.freeze({ id, name, subdomain, issuer, origin, limits })
  return { tenant, suspended: status === 'suspended' }
}

/** Why a host has no tenant to serve: 404 where there is none, 403 where it is suspended. */
export function closedTenant(found: FoundTenant | undefined): AppError {
  return found === undefined
    ? new AppError('not_found', 'tenant.not_found', 'Tenant not found')
    : new AppError('forbidden', 'tenant.suspended', 'Tenant suspended')
}

// The scheme and port of the subdomain's origin, with the custom domain as its host.
function onDomain(origin: string, domain: string): string {
  const url = new URL(origin)
  url.hostname = domain
  return url.origin
}

function tenantRow(database: Database, host: HostMatch) {
  if (host.kind === 'unknown') return undefined
  return database.asIdentity({ deadline: 'background' }, (db) => {
    const tenants = db
      .selectFrom('tenantry.tenants as t')
      .select(['t.id', 't.name', 't.subdomain', 't.status', 't.rate', 't.concurrency'])
    if (host.kind === 'subdomain') {
      return tenants.where('t.subdomain', '=', host.subdomain).executeTakeFirst()
    }
    // The identity role sees only verified domains.
    const owner = db
      .selectFrom('tenantry.domains as d')
      .select('d.tenant_id')
      .where('d.name', '=', host.domain)
    return tenants.where('t.id', '=', owner).executeTakeFirst()
  })
}
