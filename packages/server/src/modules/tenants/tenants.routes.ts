import { z } from 'zod'
import type { KernelPermission } from '../../app/policy.ts'
import { createRoutes, type Route } from '../../app/route.ts'

const { get } = createRoutes<KernelPermission, never, never>()

const ApiStatus = z
  .object({ status: z.literal('ok'), message: z.string() })
  .meta({ id: 'ApiStatus' })

const TenantData = z
  .object({ tenant_name: z.string(), subdomain: z.string() })
  .meta({ id: 'TenantData' })

export function tenantRoutes(): Route[] {
  return [
    get('/', {
      access: 'public',
      summary: 'Report that the API is running',
      reply: ApiStatus,
      handle: () => ({ status: 'ok' as const, message: 'API is running' }),
    }),
    get('/api/tenant/tenant-data', {
      access: 'tenant:read',
      summary: 'Get basic data of the tenant',
      reply: TenantData,
      handle: ({ tenant }) => ({ tenant_name: tenant.name, subdomain: tenant.subdomain }),
    }),
  ]
}
