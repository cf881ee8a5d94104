import { AsyncLocalStorage } from 'node:async_hooks'
import type { AddressInfo } from 'node:net'
import { pino } from 'pino'
import { expect, onTestFinished, test } from 'vitest'
import { createPasswords, type Passwords } from '../../src/access/passwords.ts'
import type { Database } from '../../src/db/tenancy.ts'
import { createJobSignals } from '../../src/jobs/job_signal.ts'
import type { OutgoingMail } from '../../src/mail/outgoing_mail.ts'
import { createApp } from '../../src/runtime/create_app.ts'
import { send } from '../../src/testing/http_client.ts'
import { startTestApp } from '../../src/testing.ts'
import { app } from '../fixtures/app/app.ts'
import { asRole } from '../fixtures/databases.ts'

// The password of every test user, hashed with bcrypt as an imported user has it.
const imported = '$2b$04$BOYJgy.tW0eTl5FLbQKyiu1fsOTbrhL8/6yhhvI8AYOactZal/EgS'

test('no password is hashed and no mail sent while a transaction is open (POOL-7)', async () => {
  const passwords = createPasswords()
  const api = await startTestApp(app, {}, passwords)
  const own: string[] = []
  const watch = createWatch()
  const mails: OutgoingMail[] = []
  const running = await createApp({
    app,
    config: api.config,
    secret: api.config.SECRET_KEY ?? '',
    workerTenants: () => own,
    log: pino({ level: 'silent' }),
    parts: {
      database: watch.database(api.database),
      workerDatabase: { ...watch.database(api.database), asWorker: api.database.asWorker },
      poolStats: () => [],
      listener: api.listener,
      jobs: createJobSignals(),
      passwords: watch.passwords(passwords),
      mail: {
        send: async (mail) => {
          watch.note('mail')
          mails.push(mail)
        },
      },
    },
  })
  onTestFinished(async () => {
    await running.close()
    await api.close()
  })
  await running.server.listen({ port: 0, host: '127.0.0.1' })
  const { port } = running.server.server.address() as AddressInfo
  // Of the two workers only the watched one may send its mails.
  await api.running.worker?.stop(0)
  const tenant = await api.makeTenant()
  own.push(tenant.id)
  const { id, email, password } = await tenant.makeUser()
  const post = async (path: string, body: unknown) => {
    const request = {
      method: 'POST',
      path: `/api/auth/${path}`,
      body,
      headers: { host: tenant.host },
    }
    const { status } = await send(port, request)
    await running.settle()
    return status
  }

  expect(await post('login', { email, password })).toBe(200)
  expect(await post('login', { email, password: 'wrong password' })).toBe(401)
  expect(await post('token', new URLSearchParams({ username: email, password }))).toBe(200)
  await asRole('platform', (client) =>
    client.query('update tenantry.users set password_hash = $1 where id = $2', [imported, id]),
  )
  expect(await post('login', { email, password })).toBe(200)
  expect(await post('forgot-password', { email })).toBe(200)
  const token = /#token=([\w-]+)/.exec(mails[0]?.text ?? '')?.[1]
  expect(await post('reset-password', { token, new_password: 'another long one' })).toBe(200)
  expect(watch.seen).toEqual(['check', 'check', 'check', 'check', 'hash', 'mail', 'hash', 'mail'])
})

/** Records slow work, and whether a transaction was open while it was done. */
function createWatch() {
  const around = new AsyncLocalStorage<{ open: boolean }>()
  const seen: string[] = []
  const note = (what: string) => {
    seen.push(around.getStore()?.open ? `${what} in a transaction` : what)
  }

  function inside<Opened, T>(work: (opened: Opened) => T | Promise<T>) {
    return async (opened: Opened): Promise<T> => {
      const transaction = { open: true }
      try {
        return await around.run(transaction, () => work(opened))
      } finally {
        transaction.open = false
      }
    }
  }

  function watchedDatabase(database: Database): Database {
    return {
      inTenant: (scope, work) => database.inTenant(scope, inside(work)),
      read: (scope, work) => database.read(scope, inside(work)),
      readReplica: (scope, work) => database.readReplica(scope, inside(work)),
      write: (scope, work) => database.write(scope, inside(work)),
      asIdentity: (scope, work) => database.asIdentity(scope, inside(work)),
    }
  }

  return {
    seen,
    note,
    database: watchedDatabase,
    passwords: ({ hash, check, metrics }: Passwords): Passwords => ({
      metrics,
      hash(password) {
        note('hash')
        return hash(password)
      },
      check(password, stored) {
        note('check')
        return check(password, stored)
      },
    }),
  }
}
