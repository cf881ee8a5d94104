import type { Figure } from './figure.ts'
import { betterAuth } from './figures/better_auth.ts'
import { invalidation } from './figures/invalidation.ts'
import { login } from './figures/login.ts'
import { loginStorm } from './figures/login_storm.ts'
import { memory } from './figures/memory.ts'
import { noisyNeighbour } from './figures/noisy_neighbour.ts'
import { projectsCreate } from './figures/projects_create.ts'
import { projectsRead } from './figures/projects_read.ts'
import { randomRequests } from './figures/random_requests.ts'
import { revocation } from './figures/revocation.ts'
import { scale } from './figures/scale.ts'
import { soak } from './figures/soak.ts'
import { start } from './figures/start.ts'
import { tenantData } from './figures/tenant_data.ts'

/** The rows of the table, in order. */
export const allFigures: readonly Figure[] = [
  tenantData,
  betterAuth,
  projectsRead,
  projectsCreate,
  login,
  loginStorm,
  noisyNeighbour,
  revocation,
  invalidation,
  scale,
  memory,
  randomRequests,
  start,
  soak,
]
