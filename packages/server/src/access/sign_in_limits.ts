import { z } from 'zod'
import type { PublicContext } from '../app/context.ts'
import type { Rejections } from '../audit/rejections.ts'
import type { Config } from '../config/config.ts'
import { AppError } from '../lib/errors.ts'
import { clientKey } from '../lib/net/client_key.ts'
import type {
  AttemptLimit,
  AttemptLimiter,
  Marker,
  Override,
  Reservation,
} from '../limits/attempt_limiter.ts'

/** The largest body of a sign-in or reset: fits the longest password and token, fully escaped. */
export const CREDENTIALS_BODY_BYTES = 32_768

/** The current password, in the body of a route that asks for it again. The limit bounds the work of hashing. */
export const currentPassword = z.string().min(1).max(1024)

const SIGN_IN_SECONDS = 15 * 60
const HOUR_SECONDS = 3_600
const TRUSTED_SECONDS = 30 * 86_400
const MAX_MAILS = 5

/** What a sign-in's attempt is counted with. */
export interface SignInLimitDeps {
  attemptLimiter: AttemptLimiter
  config: Config
  rejections: Rejections
}

/**
 * Counts an attempt to sign in, before the password is checked. `key` is the account's canonical e-mail address.
 * Throws 429, and records that in the tenant's audit log.
 */
export async function reserveSignIn(
  { attemptLimiter, config, rejections }: SignInLimitDeps,
  ctx: PublicContext,
  key: string,
): Promise<Reservation> {
  const { limits, override } = signInLimits(config, ctx, key)
  try {
    return await attemptLimiter.reserve(ctx.deadline, limits, override)
  } catch (error) {
    if (error instanceof AppError && error.kind === 'rate_limited') {
      rejections.record(ctx.tenant.id, ctx.request, { action: 'auth.throttled' })
    }
    throw error
  }
}

/** The limits that a sign-in counts against: its address, its account and its tenant. */
interface SignInLimits {
  limits: AttemptLimit[]
  /** Applies from a trusted address: an attacker elsewhere cannot lock the account's user out. */
  override: Override
}

// Of failed sign-ins.
function signInLimits(config: Config, ctx: PublicContext, key: string): SignInLimits {
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

/** The limits of an account: one shared by all untrusted addresses, and one for this address. */
export function accountLimits(
  { SIGNIN_LIMIT_ACCOUNT: limit }: Config,
  ctx: PublicContext,
  key: string,
): [everywhere: AttemptLimit, here: AttemptLimit] {
  // Both have one name, which clients see: it must not reveal whether the address is trusted.
  const account = { name: 'signin account', limit, windowSeconds: SIGN_IN_SECONDS }
  return [
    { ...account, subject: [ctx.tenant.realm, key] },
    { ...account, subject: accountHere(ctx, key) },
  ]
}

/** Marks an address as trusted for an account: a sign-in or reset from it succeeded lately. */
export function trustedAddress(ctx: PublicContext, key: string): Marker {
  return {
    name: 'signin trusted address',
    subject: accountHere(ctx, key),
    windowSeconds: TRUSTED_SECONDS,
  }
}

/** The limit of reset links that one address can request. */
export function resetRequestLimit(config: Config, { request }: PublicContext): AttemptLimit {
  const subject = [clientKey(request.address)]
  const limit = config.RESET_LIMIT_ADDRESS
  return { name: 'reset address', subject, limit, windowSeconds: HOUR_SECONDS }
}

/**
 * The limit of reset mails for one account of a tenant. The window is the lifetime of a link, so that a
 * client at its limit still has a link that works.
 */
export function resetMailLimit(
  config: Config,
  { tenant }: PublicContext,
  key: string,
): AttemptLimit {
  const windowSeconds = config.PASSWORD_RESET_EXPIRE_MINUTES * 60
  const subject = [tenant.id, tenant.realm, key]
  return { name: 'reset mail', subject, limit: MAX_MAILS, windowSeconds }
}

function accountHere({ request, tenant }: PublicContext, key: string): string[] {
  return [tenant.realm, key, clientKey(request.address)]
}
