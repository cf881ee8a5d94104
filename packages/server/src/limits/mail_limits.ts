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

/** What an installation lets out in an hour. */
export interface MailBrake {
  /** Of one client. */
  perClient: number
  /** Of all. */
  perHour: number
}

/**
 * Takes one mail from all of its budgets in one statement: those of the client, of the mailbox and of the installation. Where
 * one is exhausted nothing is counted, and false returned: which one it is decides what may still leave.
 */
export async function takeUsualMail(
  limiter: AttemptLimiter,
  mail: OpenMail,
  { perClient, perHour }: MailBrake,
): Promise<boolean> {
  const limits = [
    ...clientLimits(mail, perClient),
    ...mailboxLimits(mail),
    limitOf(mail, '', [], perHour, HOUR_SECONDS),
  ]
  return (await limiter.tryReserve(limits)) !== undefined
}

/**
 * Takes one mail from the budgets of its mailbox. Undefined: none may leave. The budget of a day is counted for each network
 * of clients, so that what others ask for uses up a small part of the person's own. Above the budget of all networks
 * together, each further network still gets one, up to ten an hour: only a client with hundreds of networks keeps a
 * person out for a day.
 */
export async function takeMail(
  limiter: AttemptLimiter,
  mail: OpenMail,
): Promise<Reservation | undefined> {
  const { mailbox, address } = mail
  const [own, all] = mailboxLimits(mail)
  const subject = [mailbox, networkKey(address)]
  const first = limitOf(mail, ' mailbox of further network', subject, 1, DAY_SECONDS)
  // By the hour: a burst from many networks keeps the person out until its end only.
  const further = limitOf(mail, ' mailbox further', [mailbox], FROM_FURTHER, HOUR_SECONDS)
  return (await limiter.tryReserve([own, all])) ?? (await limiter.tryReserve([own, first, further]))
}

/** The limits of an hour of what anyone may ask for: `perClient` of one address, four times that of its network. */
export function clientLimits(
  mail: Pick<OpenMail, 'name' | 'address'>,
  perClient: number,
): AttemptLimit[] {
  const { address } = mail
  const inNetwork = perClient * CLIENTS_OF_NETWORK
  return [
    limitOf(mail, ' address', [clientKey(address)], perClient, HOUR_SECONDS),
    limitOf(mail, ' network', [networkKey(address)], inNetwork, HOUR_SECONDS),
  ]
}

/**
 * Counts one mail of `perHour` in the whole installation. Above that each network gets one an hour, until ten times as
 * many have left: a few clients close it for no one else. Throws 429.
 */
export async function reserveOfInstallation(
  limiter: AttemptLimiter,
  deadline: WaitLimit,
  mail: Pick<OpenMail, 'name' | 'address'>,
  perHour: number,
): Promise<void> {
  const usual = await limiter.tryReserve([limitOf(mail, '', [], perHour, HOUR_SECONDS)])
  if (usual !== undefined) return
  const subject = [networkKey(mail.address)]
  const all = perHour * (ABOVE_BRAKE - 1)
  await limiter.reserve(deadline, [
    limitOf(mail, ' further network', subject, 1, HOUR_SECONDS),
    limitOf(mail, ' further', [], all, HOUR_SECONDS),
  ])
}

function mailboxLimits(mail: OpenMail): [own: AttemptLimit, all: AttemptLimit] {
  const { mailbox, address } = mail
  const subject = [mailbox, networkKey(address)]
  return [
    limitOf(mail, ' mailbox of network', subject, FROM_NETWORK, DAY_SECONDS),
    limitOf(mail, ' mailbox', [mailbox], FROM_ALL, DAY_SECONDS),
  ]
}

function limitOf(
  mail: Pick<OpenMail, 'name'>,
  kind: string,
  subject: string[],
  limit: number,
  windowSeconds: number,
): AttemptLimit {
  return { name: `${mail.name}${kind}`, subject, limit, windowSeconds }
}
