import { sql } from 'kysely'
import type { Logger } from 'pino'
import { UnrecoverableError } from '../app/jobs/job.ts'
import type { Database, WaitLimit } from '../db/tenancy.ts'
import type { TextChanges } from './choose_texts.ts'
import type { InstallationMail, InstallationMailContext, WaitingMail } from './installation_mail.ts'
import type { Mail } from './mail.ts'
import { renderMail } from './render_mail.ts'

export interface InstallationMailDeps extends InstallationMailContext {
  appName: string
  changes: TextChanges
  database: Pick<Database, 'asIdentity'>
  log: Pick<Logger, 'warn' | 'error'>
  mail: Mail
  mails: readonly InstallationMail[]
}

const POLL_INTERVAL_MS = 1_000
const AT_ONCE = 5
// Longer than SMTP may take: until then no other worker takes the row.
const FIRST_RETRY_SECONDS = 120
const MAX_ATTEMPTS = 8

/** Adds a mail to an address. Its owner notifies the workers. */
export async function addInstallationMail(
  database: Pick<Database, 'asIdentity'>,
  deadline: WaitLimit,
  {
    kind,
    email,
    locale,
    keyId,
  }: { kind: string; email: string; locale: string | null; keyId: string },
): Promise<void> {
  await database.asIdentity({ deadline }, (db) =>
    sql`
      insert into tenantry.installation_mails (id, kind, email, locale, key_id)
      values (tenantry.new_id(), ${kind}, ${email}, ${locale}, ${keyId})`.execute(db),
  )
}

/** Sends the waiting mails that belong to no tenant. Runs beside the worker. */
export class InstallationMails {
  readonly #deps: InstallationMailDeps
  #timer: NodeJS.Timeout | undefined
  #sending: Promise<void> | undefined
  #sendsAgain = false
  #isStopping = false
  readonly #accepted: string[] = []
  #dropping: Promise<void> | undefined

  constructor(deps: InstallationMailDeps) {
    this.#deps = deps
  }

  start(): void {
    this.#timer = setInterval(() => this.notify(), POLL_INTERVAL_MS).unref()
  }

  /** Looks for mails now: some were added. */
  notify(): void {
    void this.#sendAll()
  }

  /** Resolves when no mail is due. */
  async idle(): Promise<void> {
    await this.#sendAll()
  }

  async stop(): Promise<void> {
    this.#isStopping = true
    clearInterval(this.#timer)
    await this.#sending
  }

  // One look at a time. What is added meanwhile is found by a further one.
  #sendAll(): Promise<void> {
    this.#sendsAgain = true
    this.#sending ??= this.#repeat().finally(() => {
      this.#sending = undefined
    })
    return this.#sending
  }

  async #repeat(): Promise<void> {
    while (this.#sendsAgain && !this.#isStopping) {
      this.#sendsAgain = false
      try {
        const taken = await this.#take()
        await Promise.all(taken.map((it) => this.#send(it)))
        this.#sendsAgain ||= taken.length === AT_ONCE
      } catch (err) {
        this.#deps.log.warn({ err }, 'cannot read the mails that wait; trying again')
      }
    }
  }

  // Moving due_at is the lease: a mail whose worker dies is due again. Most mails are of sign-ups: theirs is read with them.
  async #take(): Promise<WaitingMail[]> {
    const { database, keys } = this.#deps
    const kids = keys.accepted.map((it) => it.kid)
    const { rows } = await database.asIdentity({ deadline: 'background' }, (db) =>
      sql<WaitingMail>`
        with due as materialized (
          select id, sign_up_id from tenantry.installation_mails
          where due_at <= now() and key_id = any (${kids}::text[])
          order by due_at limit ${AT_ONCE} for update skip locked
        )
        update tenantry.installation_mails m
        set attempts = m.attempts + 1,
          due_at = now() + make_interval(secs => ${FIRST_RETRY_SECONDS} * 2 ^ least(m.attempts, 6))
        from due left join tenantry.sign_ups s
          on s.id = due.sign_up_id and s.used_at is null and now() < s.expires_at
        where m.id = due.id
        returning m.id, m.kind, m.email, m.locale, m.attempts,
          s.id as sign_up_id, s.email as sign_up_email, s.hash as sign_up_hash,
          ceil(extract(epoch from s.expires_at - now()) / 60)::int as sign_up_minutes`.execute(db),
    )
    return rows
  }

  async #send(waiting: WaitingMail): Promise<void> {
    const { id, kind, attempts } = waiting
    try {
      await this.#deliver(waiting)
      await this.#drop(id)
    } catch (err) {
      const isFinal = err instanceof UnrecoverableError || attempts >= MAX_ATTEMPTS
      const about = { err, mail: id, kind, attempt: attempts }
      this.#deps.log.error(
        about,
        isFinal ? 'a mail was given up' : 'a mail was not sent; trying again',
      )
      // If the database does not answer, it is tried again, too.
      if (isFinal) await this.#drop(id).catch(() => undefined)
    }
  }

  async #deliver(waiting: WaitingMail): Promise<void> {
    const { appName, changes, config, database, mail, mails } = this.#deps
    const found = mails.find((it) => it.kind === waiting.kind)
    if (found === undefined) throw new Error(`no mail is called "${waiting.kind}"`)
    const prepared = await database.asIdentity({ deadline: 'background' }, (db) =>
      found.prepare(db, waiting, this.#deps),
    )
    if (prepared === undefined) return
    const { to, values } = prepared
    const locales = [to.locale, config.DEFAULT_LOCALE]
    const setting = { appName, tenantName: appName, branding: {}, locales, changes }
    const rendered = renderMail(found.template, values, setting)
    await mail.send({ id: waiting.id, fromName: appName, to: to.email, ...rendered })
  }

  // One statement at a time: the mails that are accepted meanwhile share the next one.
  async #drop(id: string): Promise<void> {
    this.#accepted.push(id)
    await this.#dropping?.catch(() => undefined)
    this.#dropping ??= this.#dropAccepted().finally(() => {
      this.#dropping = undefined
    })
    await this.#dropping
  }

  async #dropAccepted(): Promise<void> {
    const ids = this.#accepted.splice(0)
    await this.#deps.database.asIdentity({ deadline: 'background' }, (db) =>
      sql`delete from tenantry.installation_mails where id = any (${ids}::uuid[])`.execute(db),
    )
  }
}
