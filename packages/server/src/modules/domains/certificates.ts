import type { Database } from '../../db/tenancy.ts'
import { Deadline } from '../../lib/deadline.ts'
import { unavailable } from '../../lib/errors.ts'
import { canonicalName } from '../../lib/net/hostname.ts'
import { FairConcurrency, HUNG_MS } from '../../limits/fair_concurrency.ts'
import { servedDomains, servedOf } from '../../tenancy/domain_holder.ts'
import { ServedNames } from '../../tenancy/served_names.ts'

// The other connections of the identity role stay free for sign-ins.
const MAX_RUNNING = 1
const MAX_WAITING = 20
const WAIT_MS = 2_000

/** What the internal listener answers: for which names the reverse proxy may get a certificate. */
export function certificateRoutes(database: Database) {
  const names = new ServedNames((them) => servedOf(database, them))
  const queue = new FairConcurrency({
    maxRunning: MAX_RUNNING,
    maxWaiting: MAX_WAITING,
    hungMs: HUNG_MS,
    busy: () => unavailable('server.busy', 'The list of names is being read'),
  })
  const inQueue = <T>(work: () => Promise<T>) =>
    queue.run({ key: '', maxRunning: MAX_RUNNING, deadline: new Deadline(WAIT_MS) }, work)
  return {
    /** For Caddy's `on_demand_tls { ask }`: 200 for a name that leads to a tenant. */
    '/internal/tls-check': async (query: URLSearchParams) => {
      const name = canonicalName(query.get('domain') ?? '')
      if (name === undefined) return { status: 400 }
      return { status: (await names.has(name)) ? 200 : 404 }
    },
    /** For Traefik's HTTP provider: a router with a certificate for each name. */
    '/internal/traefik': async (query: URLSearchParams) => {
      const options = traefikOptions(query)
      if (options === undefined) return { status: 400 }
      return {
        status: 200,
        body: traefikConfig(await inQueue(() => servedDomains(database)), options),
      }
    },
  }
}

interface TraefikOptions {
  service: string
  certResolver: string
  entryPoint: string
}

const TRAEFIK_NAME = /^[\w-]+(@[\w-]+)?$/

function traefikOptions(query: URLSearchParams): TraefikOptions | undefined {
  const service = query.get('service') ?? ''
  const certResolver = query.get('certresolver') ?? ''
  const entryPoint = query.get('entrypoint') ?? 'websecure'
  const areNames = [service, certResolver, entryPoint].every((it) => TRAEFIK_NAME.test(it))
  return areNames ? { service, certResolver, entryPoint } : undefined
}

// Traefik rejects an empty map of routers.
function traefikConfig(
  domains: readonly { id: string; name: string }[],
  { service, certResolver, entryPoint }: TraefikOptions,
) {
  if (domains.length === 0) return {}
  const routers = domains.map(({ id, name }) => [
    `domain-${id}`,
    {
      rule: `Host(\`${name}\`)`,
      entryPoints: [entryPoint],
      service,
      tls: { certResolver },
    },
  ])
  return { http: { routers: Object.fromEntries(routers) } }
}
