import { z } from 'zod'
import { appOrigin } from '../../access/installation_origin.ts'
import type { KernelPermission } from '../../app/policy.ts'
import { createRoutes, type Route } from '../../app/route.ts'
import type { Config } from '../../config/config.ts'

const { get } = createRoutes<KernelPermission, never, never>()

const ApiStatus = z
  .object({ status: z.literal('ok'), message: z.string() })
  .meta({ id: 'ApiStatus' })

const TenantData = z
  .object({ tenant_name: z.string(), subdomain: z.string() })
  .meta({ id: 'TenantData' })

const Branding = z
  .object({
    tenant_name: z.string(),
    subdomain: z.string(),
    locale: z.string().meta({ description: 'The language of people who have not chosen one' }),
    tenant_origin: z.string().meta({
      description: 'Where a tenant is; `{tenant}` stands for its subdomain',
    }),
    app_origin: z.string().meta({ description: 'The origin of APP_HOST' }),
  })
  .meta({ id: 'Branding' })

type OriginSettings = Pick<Config, 'DEFAULT_LOCALE' | 'PUBLIC_ORIGIN' | 'APP_HOST'>

export function tenantRoutes(config: OriginSettings): Route[] {
  const { DEFAULT_LOCALE: locale, PUBLIC_ORIGIN: tenant_origin } = config
  const shown = { locale, tenant_origin, app_origin: appOrigin(config) }
  return [
    get('/', {
      access: 'public',
      summary: 'Report that the API is running',
      reply: ApiStatus,
      handle: () => ({ status: 'ok' as const, message: 'API is running' }),
    }),
    get('/api/branding', {
      access: 'public',
      summary: 'Get what a page shows before sign-in',
      reply: Branding,
      handle: ({ tenant }) => ({
        tenant_name: tenant.name,
        subdomain: tenant.subdomain,
        ...shown,
      }),
    }),
    get('/api/tenant/tenant-data', {
      access: 'tenant:read',
      summary: 'Get basic data of the tenant',
      reply: TenantData,
      handle: ({ tenant }) => ({ tenant_name: tenant.name, subdomain: tenant.subdomain }),
    }),
  ]
}
