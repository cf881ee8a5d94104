import type { Figure } from './figure.ts'
import { betterAuth } from './figures/better_auth.ts'
import { catalogRules } from './figures/catalog_rules.ts'
import { domains } from './figures/domains.ts'
import { forgotPassword } from './figures/forgot_password.ts'
import { hostLookup } from './figures/host_lookup.ts'
import { invalidation } from './figures/invalidation.ts'
import { jobFairness, jobPickup, jobPickupElsewhere } from './figures/job_waits.ts'
import { enqueue, jobThroughput } from './figures/jobs.ts'
import { login } from './figures/login.ts'
import { loginStorm } from './figures/login_storm.ts'
import { memory } from './figures/memory.ts'
import { noisyNeighbour } from './figures/noisy_neighbour.ts'
import { projectsCreate } from './figures/projects_create.ts'
import { projectsRead } from './figures/projects_read.ts'
import { randomRequests } from './figures/random_requests.ts'
import { revocation } from './figures/revocation.ts'
import { scale } from './figures/scale.ts'
import { sessionCookie } from './figures/session_cookie.ts'
import { signInPage } from './figures/sign_in_page.ts'
import { signUps } from './figures/sign_ups.ts'
import { soak } from './figures/soak.ts'
import { start } from './figures/start.ts'
import { staticAsset } from './figures/static_asset.ts'
import { tenantData } from './figures/tenant_data.ts'
import { filterCreate, filterRead } from './figures/tenant_filter.ts'

/** The rows of the table, in order. */
export const allFigures: readonly Figure[] = [
  tenantData,
  sessionCookie,
  betterAuth,
  projectsRead,
  projectsCreate,
  filterRead,
  filterCreate,
  login,
  loginStorm,
  noisyNeighbour,
  revocation,
  invalidation,
  enqueue,
  jobThroughput,
  jobFairness,
  jobPickup,
  jobPickupElsewhere,
  forgotPassword,
  signUps,
  domains,
  scale,
  hostLookup,
  memory,
  randomRequests,
  start,
  catalogRules,
  staticAsset,
  signInPage,
  soak,
]
