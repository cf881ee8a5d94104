import { definePolicy } from 'tenantry'
import type { Database } from './database.ts'

/** What may be done in this app, and which roles may do it: the policy on one page. */
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
      permissions: ['*:read', 'members:*', 'projects:*'],
    },
    operator: {
      description: 'Reads everything, works on projects',
      permissions: ['*:read', 'projects:create', 'projects:update'],
    },
  },
})

export const { get, post, patch, del } = policy.routes<Database>()
