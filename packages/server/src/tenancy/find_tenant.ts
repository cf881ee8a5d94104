import { sql } from 'kysely'
import type { Tenant } from '../app/context.ts'
import type { Database } from '../db/tenancy.ts'
import { AppError } from '../lib/errors.ts'
import type { HostMatch } from '../lib/hostname.ts'

/** A tenant that may be asked for, and whether it is open to anybody. */
export interface FoundTenant {
  tenant: Tenant
  suspended: boolean
}

/** What there is behind a claim, read by one statement; a tenant being deleted is nothing. */
export async function findTenant(
  database: Database,
  claim: HostMatch,
  publicOrigin: string,
): Promise<FoundTenant | undefined> {
  const found = await tenantRow(database, claim)
  if (found === undefined) return undefined
  const { id, name, subdomain, domain, status, rate, concurrency } = found
  const issuer = publicOrigin.replaceAll('{tenant}', subdomain)
  const origin = domain === null ? issuer : onDomain(issuer, domain)
  // Frozen: many requests share it.
  const limits = Object.freeze({ rate, concurrency })
  const tenant = Object.freeze({ id, name, subdomain, issuer, origin, limits })
  return { tenant, suspended: status === 'suspended' }
}

/** The tenant, if it is there and open. Throws 404 where it is not there and 403 where it is suspended. */
export function openTenant(found: FoundTenant | undefined): Tenant {
  if (found === undefined) throw new AppError('not_found', 'tenant.not_found', 'Tenant not found')
  if (found.suspended) throw new AppError('forbidden', 'tenant.suspended', 'Tenant suspended')
  return found.tenant
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

function tenantRow(database: Database, claim: HostMatch) {
  if (claim.kind === 'unknown') return undefined
  return database.asIdentity({ deadline: 'background' }, (db) => {
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
