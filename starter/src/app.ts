import { defineApp } from 'tenantry'
import { demo } from './demo.ts'
import { permissionCheckRoutes } from './permission_check/permission_check.routes.ts'
import { policy } from './policy.ts'
import { projectRoutes } from './projects/projects.routes.ts'

export const app = defineApp({
  name: 'Tenantry Starter',
  policy,
  routes: [...projectRoutes, ...permissionCheckRoutes],
  migrations: new URL('../migrations', import.meta.url),
  constraints: {
    projects_name_unique: {
      code: 'project.name_taken',
      detail: 'A project of this name exists',
      pointer: '/name',
    },
  },
  demo,
})
