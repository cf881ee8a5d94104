import type { Kysely } from 'kysely'
import { type ConfirmDeps, confirmPassword } from '../../access/credentials/confirm_password.ts'
import type { CookieContext } from '../../access/credentials/cookie_exchange.ts'
import { assertAcceptsCredentials } from '../../access/installation_origin.ts'
import { isLiveSession } from '../../access/sessions/own_session.ts'
import type { PersonContext } from '../../app/context.ts'
import { recordAudit } from '../../audit/audit_log.ts'
import type { KernelTables } from '../../db/tables.ts'
import { emailKey } from '../../lib/email_address.ts'
import { conflict, unprocessable } from '../../lib/errors.ts'
import { newId } from '../../lib/ids.ts'
import { hashSecret, type KeyRing } from '../../lib/keys.ts'
import type { AttemptLimit } from '../../limits/attempt_limiter.ts'
import { mailedSecret } from '../../mail/mailed_secret.ts'
import {
  invalidToken,
  lockUserOf,
  replaceSecret,
  useSecret,
} from '../single_use_secrets/single_use_secrets.ts'
import { changeAddress, verifyAddress } from '../users/users.ts'
import { addressChangeMail } from './address_change.mail.ts'
import { addressNoticeMail } from './address_notice.mail.ts'
import { type AddressPurpose, wantedAddress } from './address_secret.ts'
import { addressVerificationMail } from './address_verification.mail.ts'

type Context = PersonContext<KernelTables>

/** What the proof of an address needs. */
export interface AddressDeps extends ConfirmDeps {
  keys: KeyRing
}

const MAX_MAILS = 5
const HOUR_SECONDS = 3_600

/**
 * Mails a link that proves the address of the account. Does nothing where it is verified. Throws 403 on a custom
 * domain, 409 where EMAIL_VERIFICATION=off, 429 for too many mails.
 */
export async function requestVerification(deps: AddressDeps, ctx: Context): Promise<void> {
  assertAcceptsCredentials(ctx.tenant)
  if (deps.config.EMAIL_VERIFICATION === 'off') {
    throw conflict('email.verification_off', 'This installation verifies no addresses')
  }
  await deps.attemptLimiter.reserve(ctx.deadline, [mailLimit(ctx)])
  await ctx.asPerson(async (db, enqueue) => {
    const { id } = ctx.actor.user
    const found = await db
      .selectFrom('tenantry.users')
      .select('email')
      .where('id', '=', id)
      .where('email_verified_at', 'is', null)
      .executeTakeFirst()
    if (found === undefined) return
    const wanted = { purpose: 'verification', email: found.email } as const
    await enqueue(addressVerificationMail, await storeSecret(deps, db, ctx, wanted))
  })
}

/**
 * Verifies an address. Without a session of that person it voids the password. Throws 400 for the token, 403 on
 * a custom domain.
 */
export async function verifyByToken(deps: AddressDeps, ctx: CookieContext, token: string) {
  return prove(deps, ctx, token, 'email_verification', 'users.email_verify', verifyAddress)
}

/**
 * Asks for another address. Nothing changes before it is proven: a link goes to it, and a notice to the old one.
 * The answer does not depend on whether another account has it. A further request voids the earlier one.
 * Throws 422 for the password or the address, 403 on a custom domain, 429.
 */
export async function requestChange(
  deps: AddressDeps,
  ctx: Context,
  given: { email: string; current_password: string },
): Promise<void> {
  const person = await confirmPassword(deps, ctx, given.current_password)
  if (emailKey(given.email) === emailKey(person.email)) {
    throw unprocessable([{ pointer: '/email', message: 'is your address already' }])
  }
  await deps.attemptLimiter.reserve(ctx.deadline, [mailLimit(ctx)])
  await ctx.asPerson(async (db, enqueue) => {
    const wanted = { purpose: 'change', email: given.email.trim(), old: person.email } as const
    const secret = await storeSecret(deps, db, ctx, wanted)
    await enqueue(addressChangeMail, secret)
    await enqueue(addressNoticeMail, secret)
  })
}

/**
 * Changes the address, which ends every session of the person in every tenant. Without a session of that person it
 * voids the password too. Throws 400 for the token, 403 on a custom domain, 409 if another account has the address.
 */
export async function changeByToken(deps: AddressDeps, ctx: CookieContext, token: string) {
  return prove(deps, ctx, token, 'email_change', 'users.email_change_confirm', (db, used, isOwn) =>
    changeAddress(db, used, isOwn, wantedAddress(used)),
  )
}

type Apply = (
  db: Kysely<KernelTables>,
  used: NonNullable<Awaited<ReturnType<typeof useSecret>>>,
  isOwn: boolean,
) => Promise<string | undefined>

// The account may be another person's, who had the link mailed to an address that is not theirs: a click by the owner
// of the mailbox must not confirm it with that person's password.
async function prove(
  { database }: AddressDeps,
  ctx: CookieContext,
  token: string,
  kind: 'email_verification' | 'email_change',
  action: string,
  apply: Apply,
): Promise<{ email: string }> {
  assertAcceptsCredentials(ctx.tenant)
  const hash = hashSecret(token)
  return database.asIdentity(ctx, async (db) => {
    await lockUserOf(db, hash)
    const used = await useSecret(db, kind, hash)
    const isOwn = used && (await isLiveSession(db, ctx.cookies.person, used.user_id))
    const email = used && (await apply(db, used, isOwn === true))
    if (used === undefined || email === undefined) throw invalidToken()
    const about = { entity: 'users', entity_id: used.user_id, actor_id: used.user_id }
    await recordAudit(db, ctx.request, { action, ...about })
    return { email }
  })
}

interface Wanted {
  purpose: AddressPurpose
  email: string
  /** The address of the account at the request of a change. */
  old?: string
}

async function storeSecret(
  { config, keys }: AddressDeps,
  db: Kysely<KernelTables>,
  { tenant, actor }: Context,
  { purpose, email, old }: Wanted,
): Promise<{ secret_id: string; user_id: string }> {
  const secret = { secret_id: newId(), user_id: actor.user.id }
  await replaceSecret(db, {
    kind: `email_${purpose}`,
    channel: 'mail',
    // Where the session is: without one, the link voids the password.
    origin: tenant.origin,
    userId: secret.user_id,
    token: mailedSecret(keys, secret.secret_id),
    minutes: config.EMAIL_LINK_EXPIRE_MINUTES,
    data: { email, email_key: emailKey(email) ?? '', ...(old && { old_email: old }) },
  })
  return secret
}

// Each of them sends a mail to an address that the client chooses.
function mailLimit({ actor }: Context): AttemptLimit {
  const subject = [actor.user.id]
  return { name: 'address mail', subject, limit: MAX_MAILS, windowSeconds: HOUR_SECONDS }
}
