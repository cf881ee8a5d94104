import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import type { AddressInfo, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { domainToASCII } from 'node:url'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { SMTPServer, type SMTPServerOptions } from 'smtp-server'
import { describe, expect, onTestFinished, test } from 'vitest'
import { emailKey } from '../lib/email_address.ts'
import { createMail, type Mail, type MailSettings } from './mail.ts'

interface Received {
  from: string
  to: string[]
  message: string
}

interface Mailbox {
  port: number
  received: Received[]
  /** Of all connections that were opened. */
  sockets: Socket[]
}

const greeting = { subject: 'Hello', text: 'Hello there\n', html: '<p>Hello there</p>' }

const rejection = (responseCode: number, text: string) =>
  Object.assign(new Error(text), { responseCode })

/** A real SMTP server, by default without TLS and authentication. */
async function startSmtp(options: SMTPServerOptions = {}, host = '127.0.0.1'): Promise<Mailbox> {
  const sockets: Socket[] = []
  const received: Received[] = []
  const server = new SMTPServer({
    disabledCommands: ['STARTTLS', 'AUTH'],
    ...options,
    onData(stream, { envelope }, done) {
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('end', () => {
        const from = envelope.mailFrom === false ? '' : envelope.mailFrom.address
        const to = envelope.rcptTo.map((it) => it.address)
        received.push({ from, to, message: Buffer.concat(chunks).toString() })
        done()
      })
    },
  })
  // In some of these tests the client disconnects early.
  server.on('error', () => {})
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  onTestFinished(() => new Promise<void>((resolve) => server.close(resolve)))
  server.server.on('connection', (socket: Socket) => sockets.push(socket))
  return { port: (server.server.address() as AddressInfo).port, received, sockets }
}

function mailWith(settings: Partial<MailSettings>): Mail {
  return createMail({
    smtpUrl: undefined,
    from: 'Tenantry <no-reply@app.test>',
    dataDir: '/nowhere',
    production: false,
    log: { warn: () => {} },
    ...settings,
  })
}

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tenantry-mail-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  return folder
}

// Host names are sent as A-labels (RFC 5891), in lower case.
function inAscii(address: string): string {
  const [name = '', host = ''] = address.split('@')
  return `${name}@${domainToASCII(host)}`
}

const headersIn = (message: string) => message.slice(0, message.indexOf('\r\n\r\n'))

describe('mail by SMTP', () => {
  test('arrives unchanged', async () => {
    const { port, received } = await startSmtp()
    const mail = mailWith({ smtpUrl: `smtp://127.0.0.1:${port}`, replyTo: 'help@app.test' })
    await mail.send({ to: 'ada@x.example', ...greeting })
    expect(received).toHaveLength(1)
    expect(received[0]?.message).toMatch(/^Reply-To: help@app\.test\r$/m)
    await mail.send({ to: 'ada@x.example', replyTo: 'help@acme.test', ...greeting })
    expect(received[1]?.message).toMatch(/^Reply-To: help@acme\.test\r$/m)
    expect(received[0]).toMatchObject({ from: 'no-reply@app.test', to: ['ada@x.example'] })
    expect(received[0]?.message).toMatch(/^From: Tenantry <no-reply@app\.test>\r$/m)
    expect(received[0]?.message).toMatch(/^Subject: Hello\r$/m)
    expect(received[0]?.message).toMatch(/^Auto-Submitted: auto-generated\r$/m)
    expect(received[0]?.message).toContain('<p>Hello there</p>')
  })

  test('shares connections in a server, and replaces one that the SMTP server has closed', async () => {
    const { port, received, sockets } = await startSmtp()
    const mail = mailWith({ smtpUrl: `smtp://127.0.0.1:${port}`, sharesConnections: true })
    for (let n = 0; n < 5; n++) await mail.send({ to: `a${n}@x.example`, ...greeting })
    expect(sockets).toHaveLength(1)
    sockets[0]?.destroy()
    await mail.send({ to: 'b@x.example', ...greeting })
    expect(sockets).toHaveLength(2)
    expect(received.map((it) => it.to)).toEqual([
      ...Array.from({ length: 5 }, (_, n) => [`a${n}@x.example`]),
      ['b@x.example'],
    ])
  })

  test('goes to the stored address only, or is not sent (AUTHN-10)', async () => {
    const { port, received } = await startSmtp()
    const mail = mailWith({ smtpUrl: `smtp://127.0.0.1:${port}` })
    const part = fc.string({
      unit: fc.constantFrom(...'ab1.@,;:<>()[]"\\ +=%!\r\n\t\0é＠'),
      maxLength: 12,
    })
    const address = fc.tuple(part, part).map(([name, host]) => `${name}@${host}.example`)
    await fc.assert(
      fc.asyncProperty(address, async (to) => {
        received.length = 0
        const accepted = await mail.send({ to, ...greeting }).then(
          () => true,
          () => false,
        )
        const recipients = received.map((it) => it.to.map(inAscii))
        expect(recipients).toEqual(accepted ? [[inAscii(to)]] : [])
        if (accepted) expect(emailKey(to)).toBeDefined()
      }),
      {
        numRuns: 150,
        examples: [
          ['"a@evil.example"@x.example'],
          ['a@evil.example,b@x.example'],
          ['a@x.example\r\nRCPT TO:<b@evil.example>'],
          ['A <a@x.example>'],
          ['plain@x.example'],
          ['Plain@X.example'],
          ['a@é.example'],
          ['é@x.example'],
          ['a@xn--9ca.example'],
        ],
      },
    )
  })

  test('is rejected before it reaches a server unless the recipient is one plain address (AUTHN-10)', async () => {
    const mail = mailWith({ dataDir: await temporaryFolder() })
    const lists = ['a@x.example,b@x.example', 'A <a@x.example>', '"b@x.example"@y.example']
    const disguised = ['a@x.example\r\nbcc: b@x.example', ' a@x.example', 'a＠x.example', '']
    for (const to of [...lists, ...disguised]) {
      await expect(mail.send({ to, ...greeting }), to).rejects.toThrow(/recipient/)
    }
    expect(await mail.caught?.()).toEqual([])
  })

  test('a subject cannot add a header (AUTHN-10)', async () => {
    const { port, received } = await startSmtp()
    const subject = 'Hi\r\nBcc: evil@x.example\r\n\r\n<script>'
    const mail = mailWith({ smtpUrl: `smtp://127.0.0.1:${port}` })
    await mail.send({ to: 'ada@x.example', ...greeting, subject })
    expect(received[0]?.to).toEqual(['ada@x.example'])
    expect(headersIn(received[0]?.message ?? '')).not.toMatch(/^Bcc:/im)
    expect(headersIn(received[0]?.message ?? '')).toMatch(
      /^Subject: Hi Bcc: evil@x\.example <script>\r$/m,
    )
  })

  test('is not sent to a server with an untrusted certificate', async () => {
    const { port, received } = await startSmtp({ disabledCommands: ['AUTH'] })
    const sent = mailWith({ smtpUrl: `smtp://127.0.0.1:${port}` }).send({
      to: 'a@x.example',
      ...greeting,
    })
    await expect(sent).rejects.toThrow(/certificate/)
    expect(received).toEqual([])
  })

  // Only Linux configures all of 127.0.0.0/8 by default.
  test.runIf(process.platform === 'linux')(
    'never sends a password unencrypted to another machine',
    async () => {
      const passwords: unknown[] = []
      const { port, received } = await startSmtp(
        {
          disabledCommands: ['STARTTLS'],
          allowInsecureAuth: true,
          onAuth({ password }, _session, done) {
            passwords.push(password)
            done(null, { user: 'user' })
          },
        },
        '127.0.0.2',
      )
      const mail = mailWith({ smtpUrl: `smtp://user:secret@127.0.0.2:${port}` })
      await expect(mail.send({ to: 'a@x.example', ...greeting })).rejects.toThrow(/STARTTLS/i)
      expect([passwords, received]).toEqual([[], []])
    },
  )

  test('requires TLS if the URL says so', async () => {
    const { port, received } = await startSmtp()
    const mail = mailWith({ smtpUrl: `smtp://127.0.0.1:${port}?requireTLS=true` })
    await expect(mail.send({ to: 'a@x.example', ...greeting })).rejects.toThrow(/STARTTLS/i)
    expect(received).toEqual([])
  })

  test.each<[string, SMTPServerOptions, RegExp]>([
    [
      '550 for the recipient',
      { onRcptTo: ({ address }, _, done) => done(rejection(550, `5.1.1 <${address}> unknown`)) },
      /replied 550 5\.1\.1 to RCPT TO \(EENVELOPE\)$/,
    ],
    [
      '451 for the recipient',
      { onRcptTo: ({ address }, _, done) => done(rejection(451, `<${address}> try later`)) },
      /replied 451 to RCPT TO \(EENVELOPE\)$/,
    ],
    [
      '421 at the greeting',
      { onConnect: (_, done) => done(rejection(421, 'not now, ada@x.example')) },
      /replied 421 to CONN \(\w+\)$/,
    ],
  ])(
    'fails by %s with an error that says so and names no address',
    async (_, options, expected) => {
      const { port } = await startSmtp(options)
      const sent = mailWith({ smtpUrl: `smtp://127.0.0.1:${port}` }).send({
        to: 'ada@x.example',
        ...greeting,
      })
      const error: unknown = await sent.catch((it: unknown) => it)
      expect(error).toMatchObject({ message: expect.stringMatching(expected) })
      // With its stack and all its properties, as a log shows it.
      expect(inspect(error, { depth: null, showHidden: true })).not.toContain('ada@')
    },
  )

  test('fails if the server is unreachable', async () => {
    const mail = mailWith({ smtpUrl: 'smtp://127.0.0.1:1' })
    await expect(mail.send({ to: 'a@x.example', ...greeting })).rejects.toThrow(/ECONNREFUSED/)
  })
})

describe('mail without SMTP', () => {
  test('is stored in files that only their owner can read, newest first', async () => {
    const dataDir = await temporaryFolder()
    const mail = mailWith({ dataDir })
    for (const to of ['first@x.example', 'second@x.example']) await mail.send({ to, ...greeting })
    expect(await mail.caught?.()).toMatchObject([
      { to: 'second@x.example', ...greeting },
      { to: 'first@x.example', ...greeting },
    ])
    const folder = join(dataDir, 'mail')
    const [name = ''] = await readdir(folder)
    expect((await stat(folder)).mode & 0o777).toBe(0o700)
    expect((await stat(join(folder, name))).mode & 0o777).toBe(0o600)
  })

  test('keeps the last 200 mails', async () => {
    const dataDir = await temporaryFolder()
    const mail = mailWith({ dataDir })
    for (let i = 0; i < 203; i++) await mail.send({ to: `u${i}@x.example`, ...greeting })
    const caught = (await mail.caught?.()) ?? []
    expect([caught.length, caught[0]?.to, caught.at(-1)?.to]).toEqual([
      200,
      'u202@x.example',
      'u3@x.example',
    ])
  })

  test('skips a file that is not a mail', async () => {
    const dataDir = await temporaryFolder()
    const mail = mailWith({ dataDir })
    expect(await mail.caught?.()).toEqual([])
    await mail.send({ to: 'ada@x.example', ...greeting })
    await writeFile(join(dataDir, 'mail', 'zzz.json'), '{"to":')
    expect(await mail.caught?.()).toHaveLength(1)
  })

  test('is dropped in production, with a warning that contains neither recipient nor link', async () => {
    const dataDir = await temporaryFolder()
    const warnings: unknown[] = []
    const log = { warn: (...line: unknown[]) => void warnings.push(line) }
    const mail = mailWith({ dataDir, production: true, log })
    expect(warnings).toHaveLength(1)
    await mail.send({ to: 'ada@x.example', subject: 'x', text: 'token=abc', html: '' })
    expect(warnings).toHaveLength(2)
    expect(JSON.stringify(warnings)).not.toMatch(/ada|abc/)
    expect(mail.caught).toBeUndefined()
    expect(await readdir(dataDir)).toEqual([])
  })
})
