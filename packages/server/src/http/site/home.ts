import type { IncomingMessage } from 'node:http'
import type { Config } from '../../config/config.ts'
import { prefersHtml } from '../../lib/net/accept.ts'
import type { HostMatch } from '../../tenancy/match_host.ts'
import type { FrameworkReply } from '../framework.ts'
import { originOf } from '../request/forwarded.ts'
import type { Homes } from './site_endpoints.ts'

interface Request {
  raw: IncomingMessage
  /** The target as it was sent. */
  originalUrl: string
}

interface Deps {
  config: Pick<Config, 'TRUST_PROXY'>
  parseHost(host: string): HostMatch | undefined
  home: Homes
}

/** `/` has two representations: the API's status, and for browsers the way to the pages. */
export function isSentHome(deps: Deps, request: Request, reply: FrameworkReply): boolean {
  const vary = reply.getHeader('vary')
  reply.header('vary', vary === undefined ? 'accept' : `${String(vary)}, accept`)
  const home = prefersHtml(request.raw.headers.accept) ? homeOf(deps, request) : undefined
  if (home === undefined) return false
  reply.redirect(home, 303)
  return true
}

function homeOf(
  { config, parseHost, home }: Deps,
  { raw, originalUrl }: Request,
): string | undefined {
  try {
    const { host } = originOf(raw, originalUrl, config.TRUST_PROXY)
    return parseHost(host)?.kind === 'base' ? home.base : home.tenant
  } catch {
    // Pages and routes report a host that is missing or contradictory.
    return home.tenant
  }
}
