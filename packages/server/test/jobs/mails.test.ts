import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import PostalMime, { type Email } from 'postal-mime'
import { SMTPServer, type SMTPServerOptions } from 'smtp-server'
import { expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { defineApp } from '../../src/app/define_app.ts'
import { createMail } from '../../src/mail/mail.ts'
import { startTestApp, type TestTenant } from '../../src/testing.ts'
import { app } from '../fixtures/app/app.ts'
import { policy, post } from '../fixtures/app/policy.ts'
import { asRole } from '../fixtures/databases.ts'
import { changeJobs, jobsOf } from './scene.ts'

const { job, mail } = policy.jobs<never>()
const Reader = z.strictObject({ user_id: z.uuid() })

const greeting = mail('greetings.mail', {
  payload: Reader,
  prepare: async ({ tenant }, { user_id }) => ({
    to: { user_id },
    values: { link: `${tenant.issuer}/hello` },
  }),
  sample: { link: 'https://acme.example.com/hello' },
  texts: {
    en: { subject: 'Hello from “{tenant}”', open: 'Open' },
    de: { subject: 'Hallo von „{tenant}“', open: 'Öffnen' },
  },
  content: ({ link }, t) => ({
    subject: t('subject'),
    blocks: [{ kind: 'button', text: t('open'), url: link }],
  }),
})

const greetLater = job('greetings.plan', {
  payload: Reader,
  run: ({ enqueue }, payload) => enqueue(greeting, payload),
})

const greet = post('/api/greetings', {
  access: 'projects:create',
  summary: 'Greet a member',
  body: z.strictObject({ user_id: z.uuid(), by: z.enum(['handler', 'job']), fails: z.boolean() }),
  audit: 'greetings.create',
  async handle(ctx, { body: { user_id, by, fails } }) {
    if (by === 'handler') await ctx.enqueue(greeting, { user_id })
    else await ctx.enqueue(greetLater, { user_id })
    if (fails) throw new Error('after the mail was added')
  },
})

const greetingApp = defineApp({
  ...app,
  routes: [...app.routes, greet],
  jobs: [greetLater],
  mails: [greeting],
})

async function start(settings: Record<string, string> = {}) {
  const api = await startTestApp(greetingApp, settings)
  onTestFinished(() => api.close())
  return api
}

async function brand({ id }: TestTenant, branding: object): Promise<void> {
  await asRole('platform', (client) =>
    client.query('update tenantry.tenants set branding = $1 where id = $2', [branding, id]),
  )
}

/** A real SMTP server. */
async function startSmtp(options: SMTPServerOptions) {
  const received: { to: string[]; mail: Email }[] = []
  const server = new SMTPServer({
    disabledCommands: ['STARTTLS', 'AUTH'],
    onData(stream, { envelope }, done) {
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('end', async () => {
        const to = envelope.rcptTo.map((it) => it.address)
        received.push({ to, mail: await PostalMime.parse(Buffer.concat(chunks)) })
        done()
      })
    },
    ...options,
  })
  server.on('error', () => {})
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => new Promise<void>((resolve) => server.close(resolve)))
  return { port: (server.server.address() as AddressInfo).port, received }
}

async function portOf(server: Server): Promise<number> {
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

const forgot = (tenant: TestTenant, email: string) =>
  tenant.send({ method: 'POST', path: '/api/auth/forgot-password', body: { email } })

test("a handler and a job send an app's own mail, if and only if their transaction commits", async () => {
  const api = await start()
  const tenant = await api.makeTenant({ name: 'Acme' })
  const user = await tenant.makeUser({ roles: ['admin_tenant'] })
  const send = (by: string, fails: boolean) =>
    tenant.send({
      method: 'POST',
      path: '/api/greetings',
      user,
      body: { user_id: user.id, by, fails },
    })
  expect((await send('handler', true)).status).toBe(500)
  expect((await send('handler', false)).status).toBe(204)
  expect((await send('job', false)).status).toBe(204)
  const mails = await api.mailsTo(user.email, 2)
  await api.running.settle()
  expect(await api.mailsTo(user.email)).toHaveLength(2)
  expect(mails.map((it) => it.subject)).toEqual(['Hello from “Acme”', 'Hello from “Acme”'])
  expect(mails[0]?.text).toContain(`https://${tenant.host}/hello`)
})

test('a mail is in the language of its reader, then of the tenant, then of the server', async () => {
  const api = await start({ DEFAULT_LOCALE: 'de' })
  const tenant = await api.makeTenant({ name: 'Acme' })
  const user = await tenant.makeUser({ roles: ['admin_tenant'] })
  const body = { user_id: user.id, by: 'handler', fails: false }
  const greeted = async () => {
    await tenant.send({ method: 'POST', path: '/api/greetings', user, body })
    await api.running.settle()
    return (await api.mailsTo(user.email))[0]?.subject
  }
  expect(await greeted()).toBe('Hallo von „Acme“')
  await brand(tenant, { locale: 'en-GB' })
  expect(await greeted()).toBe('Hello from “Acme”')
  const locale = { locale: 'de-AT' }
  await tenant.send({ method: 'PATCH', path: '/api/account', user, body: locale })
  expect(await greeted()).toBe('Hallo von „Acme“')
})

test('names, replies and links are those of the tenant, whatever the request says (TEN-7)', async () => {
  const { port, received } = await startSmtp({})
  const MAIL_FROM = 'App <no-reply@app.example>'
  const api = await start({ SMTP_URL: `smtp://127.0.0.1:${port}`, MAIL_FROM })
  const tenant = await api.makeTenant({ name: 'Eve <eve@x.example>, "Co"' })
  const user = await tenant.makeUser()
  await brand(tenant, { reply_to: 'help@acme.example', color: '#0f766e' })
  await tenant.send({
    method: 'POST',
    path: '/api/auth/forgot-password',
    body: { email: user.email },
    headers: { 'x-forwarded-host': 'evil.example', forwarded: 'host=evil.example' },
  })
  await api.running.settle()
  const [{ to, mail } = { to: [], mail: undefined }] = received
  expect(to).toEqual([user.email])
  expect(mail?.from).toEqual({
    name: 'Eve <eve@x. example>, "Co" via App',
    address: 'no-reply@app.example',
  })
  expect(mail?.replyTo).toMatchObject([{ address: 'help@acme.example' }])
  expect(mail?.messageId).toMatch(/^<[0-9a-f-]{36}@app\.example>$/)
  expect(mail?.subject).toBe("Choose a new password for “Eve <eve@x. example>, 'Co'”")
  const links = [...`${mail?.text}${mail?.html}`.matchAll(/https?:\/\/[^/"\s<]+/g)].map(String)
  expect(new Set(links)).toEqual(new Set([`https://${tenant.host}`]))
})

let cut = () => {}
const busy = (responseCode: number) => Object.assign(new Error('no'), { responseCode })

test.each<[string, SMTPServerOptions, { state: string; reason: string | null }]>([
  [
    '421 at the greeting',
    { onConnect: (_, done) => done(busy(421)) },
    { state: 'later', reason: null },
  ],
  [
    '451 after DATA',
    { onData: (stream, _, done) => stream.resume().on('end', () => done(busy(451))) },
    { state: 'later', reason: null },
  ],
  [
    '550 for the recipient',
    { onRcptTo: (_address, _session, done) => done(busy(550)) },
    { state: 'parked', reason: 'failed' },
  ],
  [
    'a cut after DATA',
    { onData: (stream) => stream.resume().on('end', () => cut()) },
    { state: 'later', reason: null },
  ],
])(
  'a mail server that answers %s changes no reply, and the mail is kept',
  async (_, options, kept) => {
    const sockets: Socket[] = []
    cut = () => {
      for (const it of sockets) it.destroy()
    }
    const { port } = await startSmtp(options)
    const relay = createServer((client) => {
      sockets.push(client)
      client.on('error', () => {})
      const upstream = connect(port, '127.0.0.1').on('error', () => {})
      client.pipe(upstream).pipe(client)
    }).listen(0, '127.0.0.1')
    onTestFinished(() => void relay.close())
    const api = await start({
      SMTP_URL: `smtp://127.0.0.1:${await portOf(relay)}`,
    })
    const tenant = await api.makeTenant()
    const { email } = await tenant.makeUser()
    const [known, unknown] = [await forgot(tenant, email), await forgot(tenant, 'no@x.example')]
    expect([known.status, known.text]).toEqual([200, unknown.text])
    await api.running.settle()
    const stored = async () => {
      const jobs = await jobsOf(tenant)
      // On a busy machine the connection may time out first: then the next attempt gets the reply.
      if (jobs[0]?.state !== kept.state) await changeJobs(tenant, 'run_at = now()')
      return jobs
    }
    const expected = { kind: 'password_resets.mail', ...kept }
    await expect.poll(stored, { timeout: 20_000, interval: 1_000 }).toMatchObject([expected])
    // No secret is in the row: its id is worthless without SECRET_KEY.
    const [{ payload }] = await jobsOf(tenant)
    expect(Object.keys(payload).sort()).toEqual(['secret_id', 'user_id'])
  },
  60_000,
)

test('a mail server that answers a byte at a time is left when the time of the job is over', async () => {
  const sockets: Socket[] = []
  const drip = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => {})
    const timer = setInterval(() => socket.write('2'), 50)
    socket.on('close', () => clearInterval(timer))
  }).listen(0, '127.0.0.1')
  onTestFinished(() => void drip.close())
  const mailer = createMail({
    smtpUrl: `smtp://127.0.0.1:${await portOf(drip)}`,
    from: 'a@app.example',
    dataDir: '/nowhere',
    production: true,
    sharesConnections: true,
    log: { warn: () => {} },
  })
  const content = { subject: 'x', text: 'x', html: 'x' }
  const sent = mailer.send({ to: 'a@x.example', ...content }, AbortSignal.timeout(500))
  await expect(sent).rejects.toThrow()
  await expect.poll(() => sockets.map((it) => it.destroyed)).toEqual([true])
})

test('a repetition sends the same link, also while SECRET_KEY is rotated', async () => {
  const old = randomBytes(48).toString('base64')
  const { port: down } = await startSmtp({ onConnect: (_, done) => done(busy(421)) })
  const first = await start({ SECRET_KEY: old, SMTP_URL: `smtp://127.0.0.1:${down}` })
  const tenant = await first.makeTenant()
  const { email } = await tenant.makeUser()
  await forgot(tenant, email)
  await first.running.settle()
  const { port, received } = await startSmtp({})
  const next = await start({
    SECRET_KEY: randomBytes(48).toString('base64'),
    SECRET_KEY_PREVIOUS: old,
    SMTP_URL: `smtp://127.0.0.1:${port}`,
  })
  await first.running.worker?.stop(0)
  next.runJobsOf(tenant.id)
  await asRole('platform', (client) =>
    client.query('update tenantry.jobs set run_at = now() where tenant_id = $1', [tenant.id]),
  )
  await expect.poll(() => received.length, { timeout: 10_000 }).toBe(1)
  const token = /#token=([\w-]+)/.exec(received[0]?.mail.text ?? '')?.[1]
  const reply = await next.send(tenant.host, {
    method: 'POST',
    path: '/api/auth/reset-password',
    body: { token, new_password: 'an entirely new one' },
  })
  expect(reply.status).toBe(200)
})
