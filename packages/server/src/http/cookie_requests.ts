import type { IncomingMessage } from 'node:http'
import { type Authentication, type Verdict, verifyCookie } from '../access/authenticate.ts'
import type { CookieExchange } from '../access/credentials/cookie_exchange.ts'
import {
  assertNotEmbedded,
  assertSameOrigin,
  isSafeMethod,
} from '../access/credentials/same_origin.ts'
import {
  type CookieName,
  DEVELOPMENT_COOKIE_NAME,
  SESSION_COOKIE_NAME,
  sessionCookie,
  setSessionCookie,
  setVerifierCookie,
  verifierCookies,
} from '../access/credentials/session_cookie.ts'
import type { AccessClaims, Tokens } from '../access/tokens.ts'
import type { Tenant } from '../app/context.ts'
import type { Config } from '../config/config.ts'
import { AppError, unprocessable } from '../lib/errors.ts'
import type { MaybePromise } from '../lib/maybe_promise.ts'
import { type OwnOrigin, ownOriginOf } from './request/forwarded.ts'

interface Deps {
  authentication: Authentication
  config: Config
}

/** A request line and its headers. `target` may be in absolute form. */
interface Arrival {
  raw: IncomingMessage
  target: string
}

/** Verifies the session cookie of a request without an Authorization header. */
export function verifyCookieOf(
  deps: Deps,
  arrival: Arrival,
  tenant: Tenant,
): MaybePromise<Verdict> {
  const name = cookieName(deps.config, arrival)
  if (name === undefined) return 'absent'
  return verifyCookie(deps.authentication, arrival.raw.rawHeaders, tenant, name)
}

/**
 * Rejects a request whose cookie another origin's page made the browser send. A browser adds the cookie by
 * itself, so the cookie proves who the person is and not that they want this. Throws 403.
 */
export function assertOwnPage({ config }: Pick<Deps, 'config'>, arrival: Arrival): void {
  const { raw } = arrival
  if (!isSafeMethod(raw.method)) assertSameOrigin(raw.headers, originFor(config, arrival).text)
  else assertNotEmbedded(raw.headers)
}

/** The Set-Cookie with a new token, where the one of the request is old or signed with the previous key. */
export function renewedCookie(
  { config, tokens }: { config: Config; tokens: Tokens },
  arrival: Arrival,
  tenant: Tenant,
  claims: AccessClaims,
): string | undefined {
  const now = Math.floor(Date.now() / 1_000)
  if (claims.renewAt === undefined || claims.renewAt > now) return undefined
  const name = cookieName(config, arrival)
  if (name === undefined) return undefined
  return setSessionCookie(name, tokens.issueSession(tenant, claims), claims.expiresAt - now)
}

/** The cookie of one request to a route that opens or ends sessions, and the headers of its reply. */
export class CookieOfRequest implements CookieExchange {
  readonly carried: AccessClaims | undefined
  readonly person: AccessClaims | undefined
  readonly isSent: boolean
  readonly headers: [name: string, value: string][] = []
  readonly #config: Config
  readonly #arrival: Arrival

  constructor(config: Config, arrival: Arrival, verdict: Verdict, bearer: Verdict) {
    this.carried = typeof verdict === 'object' ? verdict : undefined
    this.person = typeof bearer === 'object' ? bearer : this.carried
    this.isSent = verdict !== 'absent'
    this.#config = config
    this.#arrival = arrival
  }

  assertMayOpen(): void {
    if (this.#config.SESSION_COOKIE === 'off') {
      throw unprocessable([{ pointer: '/session', message: 'cookie sessions are switched off' }])
    }
    const origin = originFor(this.#config, this.#arrival)
    assertSameOrigin(this.#arrival.raw.headers, origin.text)
    if (!origin.isHttps && !isDevelopmentHost(this.#config, origin)) {
      const instead = this.#config.production ? '' : ', or a host under localhost'
      const detail = `A cookie session needs https${instead}`
      throw new AppError('invalid', 'session.insecure', detail)
    }
  }

  get verifier(): string | undefined {
    const found = sessionCookie(this.#arrival.raw.rawHeaders, verifierCookies[this.#name])
    return typeof found === 'object' ? found.token : undefined
  }

  keepVerifier(value: string, maxAge: number): void {
    this.headers.push(['set-cookie', setVerifierCookie(this.#name, value, maxAge)])
  }

  set(token: string, maxAge: number): void {
    this.headers.push(['set-cookie', setSessionCookie(this.#name, token, maxAge)])
  }

  clear(): void {
    this.headers.push(
      ['set-cookie', setSessionCookie(this.#name, '', 0)],
      ['clear-site-data', '"cache", "storage"'],
    )
  }

  get #name(): CookieName {
    return cookieName(this.#config, this.#arrival) ?? SESSION_COOKIE_NAME
  }
}

function originFor({ TRUST_PROXY }: Config, { raw, target }: Arrival): OwnOrigin {
  return ownOriginOf(raw, target, TRUST_PROXY)
}

// In production without a look at the host: only one name counts there.
function cookieName(config: Config, arrival: Arrival): CookieName | undefined {
  if (config.SESSION_COOKIE === 'off') return undefined
  if (config.production) return SESSION_COOKIE_NAME
  const origin = originFor(config, arrival)
  return !origin.isHttps && isDevelopmentHost(config, origin)
    ? DEVELOPMENT_COOKIE_NAME
    : SESSION_COOKIE_NAME
}

function isDevelopmentHost({ production }: Config, { isLoopback }: OwnOrigin): boolean {
  return !production && isLoopback
}
