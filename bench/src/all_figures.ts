import type { Figure } from './figure.ts'
import { betterAuth } from './figures/better_auth.ts'
import { login } from './figures/login.ts'
import { loginStorm } from './figures/login_storm.ts'
import { noisyNeighbour } from './figures/noisy_neighbour.ts'
import { projectsCreate } from './figures/projects_create.ts'
import { projectsRead } from './figures/projects_read.ts'
import { tenantData } from './figures/tenant_data.ts'

/** The rows of the table, in its order. */
export const allFigures: readonly Figure[] = [
  tenantData,
  betterAuth,
  projectsRead,
  projectsCreate,
  login,
  loginStorm,
  noisyNeighbour,
]
