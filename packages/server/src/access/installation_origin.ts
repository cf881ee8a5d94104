import type { Tenant } from '../app/context.ts'
import type { Config } from '../config/config.ts'
import { AppError } from '../lib/errors.ts'

/**
 * Rejects a credential of the person on a tenant's custom domain. The password opens the person's other
 * tenants too, and the tenant's DNS decides which server gets what is typed at that name. Call this
 * first wherever a password or a single-use secret is accepted or requested (decision 20). Throws 403.
 */
export function assertInstallationOrigin({ origin, issuer }: Tenant): void {
  if (origin === issuer) return
  const detail = `No credentials are accepted here; use ${issuer}`
  throw new AppError('forbidden', 'credentials.custom_domain', detail)
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
