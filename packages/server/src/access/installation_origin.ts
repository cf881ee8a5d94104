import type { Tenant } from '../app/context.ts'
import type { Config } from '../config/config.ts'
import { AppError } from '../lib/errors.ts'
import { INSTALLATION_REALM } from './realm.ts'

/**
 * Rejects a credential of the person on a tenant's custom domain where accounts are of the installation. The password
 * opens the person's other tenants too, and the tenant's DNS decides which server gets what is typed at that name. Call this
 * first wherever a password or a single-use secret is accepted or requested (decision 20). Throws 403.
 */
export function assertAcceptsCredentials(tenant: Tenant): void {
  if (acceptsCredentials(tenant)) return
  const detail = `No credentials are accepted here; use ${tenant.issuer}`
  throw new AppError('forbidden', 'credentials.custom_domain', detail)
}

/**
 * Does this host of the tenant take credentials of a person? A custom domain does where the account is one of this tenant
 * alone (IDENTITY_SCOPE=tenant).
 */
export function acceptsCredentials({ origin, issuer, realm }: Tenant): boolean {
  return origin === issuer || realm !== INSTALLATION_REALM
}

/** Where a person signs in who is at a host that takes no credentials. Null: here. */
export function signInOrigin(tenant: Tenant): string | null {
  return acceptsCredentials(tenant) ? null : tenant.issuer
}

/** Is this the tenant's subdomain, and no custom domain? */
export function isInstallationOrigin({
  origin,
  issuer,
}: Pick<Tenant, 'origin' | 'issuer'>): boolean {
  return origin === issuer
}

/** The origin of APP_HOST: the scheme and the port are those of the tenants. */
export function appOrigin({
  PUBLIC_ORIGIN,
  APP_HOST,
}: Pick<Config, 'PUBLIC_ORIGIN' | 'APP_HOST'>): string {
  const url = new URL(PUBLIC_ORIGIN.replaceAll('{tenant}', 'tenant'))
  url.hostname = APP_HOST
  return url.origin
}
