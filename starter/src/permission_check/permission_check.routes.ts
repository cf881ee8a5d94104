import { z } from 'zod'
import { post } from '../policy.ts'

const Greeting = z.object({ msg: z.string() }).meta({ id: 'Greeting' })

/** An example of a route that requires a role. Prefer permissions: they say what is allowed. */
export const permissionCheckRoutes = [
  post('/api/permission-check/admin-only', {
    access: 'role:admin_tenant',
    summary: 'Greet the administrator of the tenant',
    audit: 'permission_check.create',
    reply: Greeting,
    handle: ({ tenant }) => ({ msg: `Hello Admin of tenant ${tenant.name}!` }),
  }),
]
