import { z } from 'zod'
import type { JobContext } from '../../app/jobs/job_context.ts'
import { note, paragraph } from '../../app/mails/blocks.ts'
import type { KernelTables } from '../../db/tables.ts'
import { clientKey } from '../../lib/net/client_key.ts'
import type { Marker } from '../../limits/attempt_limiter.ts'
import { kernelMail } from '../../mail/kernel_mail.ts'
import { clientName } from './client_name.ts'

const DAY_SECONDS = 86_400
const KNOWN_DAYS = 90
/** Devices that one account is notified of in a day: a script may sign in from many addresses. */
const MAX_NOTICES = 20

/**
 * The notice of a sign-in from a device that is new to the account. Each sign-in adds the job, so its reply does not
 * depend on whether the device is known. A device counts as known once its notice was sent.
 */
export const newDeviceMail = kernelMail('sessions.new_device', {
  payload: z.strictObject({ session_id: z.uuid() }),
  async prepare(ctx, { session_id }, { attemptLimiter }) {
    const session = await findSession(ctx, session_id)
    if (session === undefined) return undefined
    const { user_id, address, user_agent, created_at, method } = session
    const device = deviceOf(session)
    if (firstWays.includes(method) || (await attemptLimiter.isRemembered(device))) {
      await attemptLimiter.remember(device)
      return undefined
    }
    // A repetition is of a mail that was counted.
    const isCounted = ctx.job.attempt > 1
    if (!isCounted && (await attemptLimiter.tryReserve([noticeLimit(user_id)])) === undefined) {
      return undefined
    }
    const client = clientName(user_agent)
    return { to: { user_id }, values: { client, address, at: new Date(created_at) } }
  },
  async sent(ctx, { session_id }, { attemptLimiter }) {
    const session = await findSession(ctx, session_id)
    if (session !== undefined) await attemptLimiter.remember(deviceOf(session))
  },
  sample: {
    client: 'Firefox on Windows',
    address: '203.0.113.7',
    at: new Date('2026-12-24T12:00:00Z'),
  },
  texts: {
    en: {
      subject: 'New sign-in to “{tenant}”',
      what: 'There was a sign-in to your account at “{tenant}” from a device that it was not used on lately.',
      known: '{client}, from the address {address}, on {at}.',
      unknown: 'From the address {address}, on {at}.',
      otherwise:
        'If it was you, there is nothing to do. Otherwise change your password immediately: this ends all other sessions.',
    },
    de: {
      subject: 'Neue Anmeldung bei „{tenant}“',
      what: 'Jemand hat sich bei „{tenant}“ mit Ihrem Konto von einem Gerät angemeldet, auf dem es zuletzt nicht verwendet wurde.',
      known: '{client}, von der Adresse {address}, am {at}.',
      unknown: 'Von der Adresse {address}, am {at}.',
      otherwise:
        'Wenn Sie das waren, ist nichts zu tun. Andernfalls ändern Sie sofort Ihr Passwort: Das beendet alle anderen Sitzungen.',
    },
  },
  content: ({ client, address, at }, t) => ({
    subject: t('subject'),
    blocks: [
      paragraph(t('what')),
      paragraph(t(client === '' ? 'unknown' : 'known', { client, address, at: t.dateTime(at) })),
      note(t('otherwise')),
    ],
  }),
})

/** The ways in by which an account or a membership begins: its first device is no news. */
const firstWays: readonly string[] = ['invitation', 'sign_up']

interface SessionRow {
  user_id: string
  address: string
  user_agent: string
  created_at: string
  method: string
}

function findSession(
  { db }: JobContext<KernelTables>,
  id: string,
): Promise<SessionRow | undefined> {
  return db
    .selectFrom('tenantry.sessions')
    .select(['user_id', 'address', 'user_agent', 'created_at', 'method'])
    .where('id', '=', id)
    .executeTakeFirst()
}

// The names of browser and system and not the whole User-Agent, which changes with each version. Stored as a keyed
// hash, for the account and not for the tenant.
function deviceOf({ user_id, address, user_agent }: SessionRow): Marker {
  return {
    name: 'known device',
    subject: [user_id, clientKey(address), clientName(user_agent)],
    windowSeconds: KNOWN_DAYS * DAY_SECONDS,
  }
}

function noticeLimit(userId: string) {
  const subject = [userId]
  return { name: 'device notice', subject, limit: MAX_NOTICES, windowSeconds: DAY_SECONDS }
}
