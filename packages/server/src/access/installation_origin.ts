import type { Tenant } from '../app/context.ts'
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
