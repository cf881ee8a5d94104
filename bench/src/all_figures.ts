import type { Figure } from './figure.ts'
import { betterAuth } from './figures/better_auth.ts'
import { projectsCreate } from './figures/projects_create.ts'
import { projectsRead } from './figures/projects_read.ts'
import { tenantData } from './figures/tenant_data.ts'

/** The rows of the table, in its order. */
export const allFigures: readonly Figure[] = [tenantData, betterAuth, projectsRead, projectsCreate]
