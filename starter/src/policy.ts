import { definePolicy } from 'tenantry'
import type { Database } from './database.ts'

/** The app's permissions (resource:action) and the system roles that grant them. */
export const policy = definePolicy({
  resources: {
    projects: ['read', 'create', 'update', 'delete'],
  },
  roles: {
    admin_tenant: {
      description: 'Everything in the tenant',
      permissions: ['*'],
    },
    manager: {
      description: 'Reads everything, manages members and projects',
      permissions: ['*:read', 'members:*', 'invitations:*', 'projects:*'],
    },
    operator: {
      description: 'Reads everything, works on projects',
      permissions: ['*:read', 'projects:create', 'projects:update'],
    },
  },
})

export const { get, post, patch, del } = policy.routes<Database>()
