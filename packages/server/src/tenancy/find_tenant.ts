import { sql } from 'kysely'
import type { Tenant } from '../app/context.ts'
import type { Database } from '../db/tenancy.ts'
import { AppError } from '../lib/errors.ts'
import { brandingOf } from './branding.ts'
import type { HostMatch } from './match_host.ts'

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
  const onSubdomain = tenantOf(found, publicOrigin)
  const tenant =
    host.kind === 'domain'
      ? Object.freeze({ ...onSubdomain, origin: originOnDomain(onSubdomain.issuer, host.domain) })
      : onSubdomain
  return { tenant, suspended: found.status === 'suspended' }
}

/** The columns of a tenant that a context shows. */
export interface TenantRow {
  id: string
  name: string
  subdomain: string
  realm_id: string
  rate: number | null
  concurrency: number | null
  branding: unknown
  primary_domain: string | null
}

/** A tenant at the origin of its subdomain. */
export function tenantOf(row: TenantRow, publicOrigin: string): Tenant {
  const { id, name, subdomain, realm_id: realm, rate, concurrency } = row
  const issuer = publicOrigin.replaceAll('{tenant}', subdomain)
  // Frozen: many requests share it.
  const limits = Object.freeze({ rate, concurrency })
  const branding = brandingOf(row.branding)
  const home = homeOf(issuer, row.primary_domain)
  const origins = { issuer, origin: issuer, home }
  return Object.freeze({ id, name, subdomain, ...origins, realm, limits, branding })
}

/** Why a host has no tenant to serve: 404 where there is none, 403 where it is suspended. */
export function closedTenant(found: Pick<FoundTenant, 'suspended'> | undefined): AppError {
  return found === undefined
    ? new AppError('not_found', 'tenant.not_found', 'Tenant not found')
    : new AppError('forbidden', 'tenant.suspended', 'Tenant suspended')
}

/** The origin for links that carry no credential: that of the primary domain, if there is one that does not fail. */
export function homeOf(issuer: string, primaryDomain: string | null): string {
  return primaryDomain === null ? issuer : originOnDomain(issuer, primaryDomain)
}

/** The scheme and port of the subdomain's origin, with the custom domain as its host. */
export function originOnDomain(origin: string, domain: string): string {
  const url = new URL(origin)
  url.hostname = domain
  return url.origin
}

function tenantRow(database: Database, host: HostMatch) {
  if (host.kind === 'unknown' || host.kind === 'base') return undefined
  return database.asIdentity({ deadline: 'background' }, (db) => {
    const tenants = db
      .selectFrom('tenantry.tenants as t')
      .select(['t.id', 't.name', 't.subdomain', 't.status', 't.realm_id', 't.rate'])
      .select(['t.concurrency', 't.branding'])
      .select((eb) =>
        eb
          .selectFrom('tenantry.domains as p')
          // As a condition, the state would let PostgreSQL read the index by name.
          .select(sql<string | null>`case when p.state = 'verified' then p.name end`.as('name'))
          .whereRef('p.tenant_id', '=', 't.id')
          .where('p.is_primary', '=', true)
          .as('primary_domain'),
      )
    if (host.kind === 'subdomain') {
      return tenants.where('t.subdomain', '=', host.subdomain).executeTakeFirst()
    }
    // Written out for the partial index: the identity role sees no other domains anyway.
    const owner = db
      .selectFrom('tenantry.domains as d')
      .select('d.tenant_id')
      .where('d.name', '=', host.domain)
      .where(sql<boolean>`d.state in ('verified', 'failing')`)
    return tenants.where('t.id', '=', owner).executeTakeFirst()
  })
}
