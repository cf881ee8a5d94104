import { randomBytes } from 'node:crypto'
import { sql } from 'kysely'
import type { z } from 'zod'
import type { BaseContext } from '../../app/context.ts'
import type { Config } from '../../config/config.ts'
import type { Database } from '../../db/tenancy.ts'
import type { JobSignal } from '../../jobs/enqueue.ts'
import { emailKey } from '../../lib/email_address.ts'
import { AppError, conflict, unprocessable } from '../../lib/errors.ts'
import { newId } from '../../lib/ids.ts'
import { hashSecret, type KeyRing } from '../../lib/keys.ts'
import type { AttemptLimiter } from '../../limits/attempt_limiter.ts'
import {
  clientLimits,
  reserveOfInstallation,
  takeMail,
  takeUsualMail,
} from '../../limits/mail_limits.ts'
import {
  type SubdomainFault,
  type SubdomainRules,
  subdomainAvailability,
} from '../subdomains/subdomains.ts'
import { newSignUpSecrets } from './sign_up_secret.ts'
import type { NewSignUp } from './sign_ups.schema.ts'

/** What a sign-up needs. */
export interface SignUpDeps {
  attemptLimiter: AttemptLimiter
  config: Config
  database: Database
  jobs: JobSignal
  keys: KeyRing
  /** The system role with all permissions. Without one there is no sign-up. */
  ownerRole: string | undefined
  subdomains: SubdomainRules
}

/** Whether people can sign up at this installation. */
export function isSignUpOpen({ config, ownerRole }: Pick<SignUpDeps, 'config' | 'ownerRole'>) {
  return config.SIGN_UP === 'on' && ownerRole !== undefined
}

/** Throws 403 if sign-up is switched off. */
export function assertSignUpOpen(deps: Pick<SignUpDeps, 'config' | 'ownerRole'>): void {
  if (isSignUpOpen(deps)) return
  throw new AppError('forbidden', 'sign_up.off', 'Sign-up is switched off here')
}

/**
 * Starts a sign-up: a mail leaves, and nothing else exists until its code comes back. The answer and its time do
 * not depend on whether the address has an account, which is not looked up. Above the limit of an address no
 * mail leaves, and the answer is the same. Throws 403, 409 for a taken name, 422, 429.
 */
export async function startSignUp(
  deps: SignUpDeps,
  ctx: BaseContext,
  given: z.output<typeof NewSignUp>,
): Promise<{ sign_up_id: string; expires_at: string }> {
  assertSignUpOpen(deps)
  assertTerms(deps, given.accepts_terms)
  const { reason } = await deps.database.asIdentity(ctx, (db) =>
    subdomainAvailability(db, deps.subdomains, given.subdomain),
  )
  assertAvailable(reason)
  const email_key = emailKey(given.email) ?? ''
  const isMailed = await reserveSignUp(deps, ctx, email_key)
  const started = await insert(deps, ctx, { ...given, email_key, isMailed })
  deps.jobs.notify()
  return started
}

/** Throws 422 for a name that no tenant may have, 409 for one that is taken. */
export function assertAvailable(reason: SubdomainFault | 'taken' | null): void {
  if (reason === 'taken') throw conflict('subdomain.taken', 'The subdomain is taken')
  if (reason === null) return
  const message =
    reason === 'reserved'
      ? 'is reserved, or looks like a name that is'
      : 'must be letters, digits and hyphens, not digits alone'
  throw unprocessable([{ pointer: '/subdomain', message }])
}

function assertTerms({ config }: SignUpDeps, accepts: boolean | undefined): void {
  if (config.TERMS_URL === undefined || accepts === true) return
  throw unprocessable([{ pointer: '/accepts_terms', message: 'must be true: accept the terms' }])
}

interface Row extends z.output<typeof NewSignUp> {
  email_key: string
  isMailed: boolean
}

// One statement: the mail waits to be sent if, and only if, the sign-up exists.
async function insert(
  { config, database, keys }: SignUpDeps,
  { deadline }: BaseContext,
  { email, email_key, tenant_name, subdomain, locale, isMailed }: Row,
) {
  const id = newId()
  const { token, code_mac: mac } = newSignUpSecrets(keys, id)
  // Without a mail there is no code: otherwise each further sign-up would allow further guesses.
  const code_mac = isMailed ? mac : randomBytes(mac.length)
  const terms = config.TERMS_URL === undefined ? null : (config.TERMS_VERSION ?? config.TERMS_URL)
  const { rows } = await database.asIdentity({ deadline }, (db) =>
    sql<{ expires_at: string }>`
      with started as (
        insert into tenantry.sign_ups (id, email, email_key, tenant_name, subdomain, locale,
          terms_version, hash, code_mac, expires_at)
        values (${id}, ${email.trim().normalize('NFKC')}, ${email_key}, ${tenant_name}, ${subdomain},
          ${locale ?? null}, ${terms}, ${hashSecret(token)}, ${code_mac},
          now() + make_interval(mins => ${config.SIGN_UP_EXPIRE_MINUTES}))
        returning id, locale, expires_at
      ), mailed as (
        insert into tenantry.installation_mails (id, kind, sign_up_id, locale, key_id)
        select tenantry.new_id(), 'sign_ups.mail', id, locale, ${keys.current.kid}
        from started where ${isMailed}
      )
      select expires_at from started`.execute(db),
  )
  const [started] = rows
  if (started === undefined) throw new Error('the insert of a sign-up returned no row')
  return { sign_up_id: id, expires_at: started.expires_at }
}

// The mail goes to an address that the client chooses, so a client is limited first, and the brake of the installation
// counts only what leaves. The mailbox' budget also bounds the guesses at its codes, five for each.
async function reserveSignUp(
  { attemptLimiter: limiter, config }: SignUpDeps,
  { request: { address }, deadline }: BaseContext,
  mailbox: string,
): Promise<boolean> {
  const mail = { name: 'sign-up', mailbox, address }
  const brake = { perClient: config.SIGN_UP_LIMIT_ADDRESS, perHour: config.SIGN_UP_PER_HOUR }
  if (await takeUsualMail(limiter, mail, brake)) return true
  const limits = clientLimits(mail, config.SIGN_UP_LIMIT_ADDRESS)
  await limiter.reserve(deadline, limits)
  const taken = await takeMail(limiter, mail)
  if (taken === undefined) return false
  try {
    await reserveOfInstallation(limiter, deadline, mail, config.SIGN_UP_PER_HOUR)
    return true
  } catch (error) {
    await taken.refund()
    throw error
  }
}

/** Deletes sign-ups that can no longer be confirmed. */
export async function purgeSignUps({ database }: { database: Database }): Promise<void> {
  await database.asIdentity({ deadline: 'background' }, (db) =>
    sql`delete from tenantry.sign_ups where expires_at < now()`.execute(db),
  )
}
