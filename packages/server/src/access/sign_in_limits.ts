import type { PublicContext } from '../app/context.ts'
import type { Config } from '../config/config.ts'
import { clientKey } from '../lib/client_key.ts'
import type { AttemptLimit, Marker, Override } from '../limits/attempt_limiter.ts'

/** The body of a request without credentials yet: room for the longest password and token, fully escaped. */
export const CREDENTIALS_BODY_BYTES = 32_768

const SIGN_IN_SECONDS = 15 * 60
const HOUR_SECONDS = 3_600
const KNOWN_SECONDS = 30 * 86_400
const MAILS = 5

/** What a sign-in is counted in: its address, its account and its tenant. */
export interface SignInLimits {
  limits: AttemptLimit[]
  /** From an address that is known for the account: out of the reach of who guesses elsewhere. */
  override: Override
}

/** The failed sign-ins that are allowed for an account, by its canonical e-mail, here. */
export function signInLimits(config: Config, ctx: PublicContext, key: string): SignInLimits {
  const address: AttemptLimit = {
    name: 'signin address',
    subject: [clientKey(ctx.request.address)],
    limit: config.SIGNIN_LIMIT_ADDRESS,
    windowSeconds: SIGN_IN_SECONDS,
  }
  const tenant: AttemptLimit = {
    name: 'signin tenant',
    subject: [ctx.tenant.id],
    limit: config.SIGNIN_LIMIT_TENANT,
    windowSeconds: SIGN_IN_SECONDS,
  }
  const [everywhere, here] = accountLimits(config, ctx, key)
  return {
    limits: [address, everywhere, tenant],
    override: { marker: trustedAddress(ctx, key), limits: [address, here] },
  }
}

/** An account's budgets: the one that all unknown addresses share, and this address's own. */
export function accountLimits(
  { SIGNIN_LIMIT_ACCOUNT: limit }: Config,
  ctx: PublicContext,
  key: string,
): [everywhere: AttemptLimit, here: AttemptLimit] {
  // One name: a client is not told which of the two has refused it, and so who else signs in there.
  const account = { name: 'signin account', limit, windowSeconds: SIGN_IN_SECONDS }
  return [
    { ...account, subject: [key] },
    { ...account, subject: accountHere(ctx, key) },
  ]
}

/** That an account has come in from this address, and so is at home there for a while. */
export function trustedAddress(ctx: PublicContext, key: string): Marker {
  return { name: 'signin known', subject: accountHere(ctx, key), windowSeconds: KNOWN_SECONDS }
}

/** The reset links that an address may ask for. */
export function resetRequestLimit({ request }: PublicContext): AttemptLimit {
  const subject = [clientKey(request.address)]
  return { name: 'reset address', subject, limit: 50, windowSeconds: HOUR_SECONDS }
}

/** The reset mails of an account in a tenant. The window is the life of a link: beyond it one still works. */
export function resetMailLimit(
  config: Config,
  { tenant }: PublicContext,
  key: string,
): AttemptLimit {
  const windowSeconds = config.PASSWORD_RESET_EXPIRE_MINUTES * 60
  return { name: 'reset mail', subject: [tenant.id, key], limit: MAILS, windowSeconds }
}

function accountHere({ request }: PublicContext, key: string): string[] {
  return [key, clientKey(request.address)]
}
