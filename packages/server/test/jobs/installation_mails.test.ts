import { randomBytes } from 'node:crypto'
import { type AddressInfo, createServer } from 'node:net'
import { SMTPServer, type SMTPServerOptions } from 'smtp-server'
import { expect, onTestFinished, test } from 'vitest'
import { startTestApp, type TestApp } from '../../src/testing.ts'
import { app } from '../fixtures/app/app.ts'
import { asRole } from '../fixtures/databases.ts'

const newAddress = () => `r-${randomBytes(6).toString('hex')}@example.com`

// Keys of its own: no worker of another test takes these mails.
async function start(port: number): Promise<TestApp> {
  const SECRET_KEY = randomBytes(48).toString('base64')
  const api = await startTestApp(app, { SECRET_KEY, SMTP_URL: `smtp://127.0.0.1:${port}` })
  onTestFinished(() => api.close())
  return api
}

async function startSmtp(options: SMTPServerOptions): Promise<number> {
  const server = new SMTPServer({ disabledCommands: ['STARTTLS', 'AUTH'], ...options })
  server.on('error', () => {})
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => new Promise<void>((resolve) => server.close(resolve)))
  return (server.server.address() as AddressInfo).port
}

/** A server that ends each connection without a word. */
async function startCutting(): Promise<number> {
  const server = createServer((socket) => socket.on('error', () => {}).destroy())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return (server.address() as AddressInfo).port
}

const remind = (api: TestApp, email: string) =>
  api.send(api.config.APP_HOST, { method: 'POST', path: '/api/tenant-reminders', body: { email } })

const waiting = (email: string) =>
  asRole('identity', async (client) => {
    const found = await client.query(
      'select attempts, due_at > now() as later from tenantry.installation_mails where email = $1',
      [email],
    )
    return found.rows
  })

// Time passes: the next attempt is due now, after `attempts` others.
const makeDue = (email: string, attempts?: number) =>
  asRole('identity', (client) =>
    client.query(
      `update tenantry.installation_mails set due_at = now(), attempts = coalesce($2, attempts)
       where email = $1`,
      [email, attempts],
    ),
  )

const logged = (api: TestApp, text: string) =>
  api.logLines.map((it) => JSON.parse(it)).filter((it) => it.msg === text)

const reply = (responseCode: number) => Object.assign(new Error('no'), { responseCode })

test.each<[string, () => Promise<number>]>([
  ['421 at the greeting', () => startSmtp({ onConnect: (_, done) => done(reply(421)) })],
  [
    '451 for the recipient',
    () => startSmtp({ onRcptTo: (_address, _session, done) => done(reply(451)) }),
  ],
  ['nothing, and ends the connection', startCutting],
])('a mail of no tenant is kept while the mail server answers %s', async (_, serve) => {
  const api = await start(await serve())
  const { email } = await (await api.makeTenant()).makeUser()
  const [known, unknown] = [await remind(api, email), await remind(api, newAddress())]
  expect([known.status, known.text]).toEqual([202, unknown.text])
  await expect.poll(() => logged(api, 'a mail was not sent; trying again')).toHaveLength(1)
  expect(await waiting(email)).toEqual([{ attempts: 1, later: true }])
  await makeDue(email)
  await expect.poll(() => waiting(email)).toEqual([{ attempts: 2, later: true }])
  expect((await remind(api, newAddress())).status).toBe(202)
  // The eighth attempt is the last one: the log names the mail, and not the person.
  await makeDue(email, 7)
  await expect.poll(() => waiting(email)).toEqual([])
  const [last] = logged(api, 'a mail was given up')
  expect(last).toMatchObject({ level: 50, kind: 'tenant_reminders.mail', attempt: 8 })
  expect(last.mail).toMatch(/^[0-9a-f-]{36}$/)
  expect(api.logLines.join('\n')).not.toContain(email)
})

test('a mail of no tenant is given up when the mail server does not know the recipient', async () => {
  const refused = (_address: object, _session: object, done: (error: Error) => void) =>
    done(reply(550))
  const api = await start(await startSmtp({ onRcptTo: refused }))
  const { email } = await (await api.makeTenant()).makeUser()
  expect((await remind(api, email)).status).toBe(202)
  const isOver = async () => {
    const rows = await waiting(email)
    // On a busy machine the connection may time out first: then the next attempt gets the reply.
    if (rows[0]?.later) await makeDue(email)
    return rows
  }
  await expect.poll(isOver, { interval: 500 }).toEqual([])
  expect(logged(api, 'a mail was given up')).toMatchObject([{ kind: 'tenant_reminders.mail' }])
  expect(api.logLines.join('\n')).not.toContain(email)
})
