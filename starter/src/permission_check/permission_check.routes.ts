import { z } from 'zod'
import { post } from '../policy.ts'

const Greeting = z.object({ msg: z.string() }).meta({ id: 'Greeting' })

/** Shows a route that asks for a role. Prefer permissions: a role's name says little of its rights. */
export const permissionCheckRoutes = [
  post('/api/permission-check/admin-only', {
    access: 'role:admin_tenant',
    summary: 'Greet the administrator of the tenant',
    audit: 'permission_check.create',
    reply: Greeting,
    handle: ({ tenant }) => ({ msg: `Hello Admin of tenant ${tenant.name}!` }),
  }),
]
