import type { WaitLimit } from '../db/tenancy.ts'
import { clientKey, networkKey } from '../lib/net/client_key.ts'
import type { AttemptLimit, AttemptLimiter, Reservation } from './attempt_limiter.ts'

const HOUR_SECONDS = 3_600
const DAY_SECONDS = 86_400

const FROM_NETWORK = 3
const FROM_ALL = 12
// In an hour, of further networks, one mail each.
const FROM_FURTHER = 10
// How many clients' worth one network gets: others stand behind the same provider.
const CLIENTS_OF_NETWORK = 4
// How far above its brake an installation closes for everyone.
const ABOVE_BRAKE = 10

/** A mail that anyone can have sent to any mailbox. */
export interface OpenMail {
  /** `sign-up`: part of the limits' names, which clients see. */
  name: string
  /** The key of the mailbox. */
  mailbox: string
  /** The IP address of the client. */
  address: string
}

/**
 * Takes one mail from the budgets of its mailbox. Undefined: none may leave. The budget of a day is counted for each network
 * of clients, so that what others ask for uses up a small part of the person's own. Above the budget of all networks
 * together, each further network still gets one, up to ten an hour: only a client with hundreds of networks keeps a
 * person out for a day.
 */
export async function takeMail(
  limiter: AttemptLimiter,
  { name, mailbox, address }: OpenMail,
): Promise<Reservation | undefined> {
  const network = networkKey(address)
  const day = (kind: string, subject: string[], limit: number): AttemptLimit => ({
    ...{ name: `${name} ${kind}`, subject, limit, windowSeconds: DAY_SECONDS },
  })
  const own = day('mailbox of network', [mailbox, network], FROM_NETWORK)
  const first = day('mailbox of further network', [mailbox, network], 1)
  // By the hour: a burst from many networks keeps the person out until its end only.
  const further = {
    ...day('mailbox further', [mailbox], FROM_FURTHER),
    windowSeconds: HOUR_SECONDS,
  }
  return (
    (await limiter.tryReserve([own, day('mailbox', [mailbox], FROM_ALL)])) ??
    (await limiter.tryReserve([own, first, further]))
  )
}

/** The limits of an hour of what anyone may ask for: `perClient` of one address, four times that of its network. */
export function clientLimits(
  { name, address }: Pick<OpenMail, 'name' | 'address'>,
  perClient: number,
): AttemptLimit[] {
  const inNetwork = perClient * CLIENTS_OF_NETWORK
  const windowSeconds = HOUR_SECONDS
  return [
    { name: `${name} address`, subject: [clientKey(address)], limit: perClient, windowSeconds },
    { name: `${name} network`, subject: [networkKey(address)], limit: inNetwork, windowSeconds },
  ]
}

/**
 * Counts one mail of `perHour` in the whole installation. Above that each network gets one an hour, until ten times as
 * many have left: a few clients close it for no one else. Throws 429.
 */
export async function reserveOfInstallation(
  limiter: AttemptLimiter,
  deadline: WaitLimit,
  { name, address }: Pick<OpenMail, 'name' | 'address'>,
  perHour: number,
): Promise<void> {
  const hour = (kind: string, subject: string[], limit: number): AttemptLimit => ({
    ...{ name: `${name}${kind}`, subject, limit, windowSeconds: HOUR_SECONDS },
  })
  const usual = await limiter.tryReserve([hour('', [], perHour)])
  if (usual !== undefined) return
  await limiter.reserve(deadline, [
    hour(' further network', [networkKey(address)], 1),
    hour(' further', [], perHour * (ABOVE_BRAKE - 1)),
  ])
}
