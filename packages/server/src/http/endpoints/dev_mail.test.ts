import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { app } from '../../../test/fixtures/app/app.ts'
import { endpointRequest } from '../../../test/fixtures/endpoint_request.ts'
import type { AppError } from '../../lib/errors.ts'
import { createMail } from '../../mail/mail.ts'
import { startTestApp, type TestApp } from '../../testing.ts'
import { devMailEndpoints } from './dev_mail.ts'

let api: TestApp
beforeAll(async () => {
  api = await startTestApp(app)
})
afterAll(() => api.close())

async function caughtResetMail(): Promise<{ email: string; link: string }> {
  const tenant = await api.makeTenant()
  const { email } = await tenant.makeUser()
  await tenant.send({ method: 'POST', path: '/api/auth/forgot-password', body: { email } })
  const [mail] = await api.mailsTo(email)
  return { email, link: /https:\S+/.exec(mail?.text ?? '')?.[0] ?? '' }
}

describe('/dev/mail', () => {
  test('shows caught mail with links to click', async () => {
    const { email, link } = await caughtResetMail()
    const reply = await api.send('localhost', { path: '/dev/mail' })
    expect(reply.headers['content-type']).toMatch('text/html')
    expect(reply.text).toContain(`<b>${email}</b>`)
    expect(reply.text).toContain(`<a href="${link}">${link}</a>`)
  })

  test('shows the HTML of a mail in a sandboxed frame, whose links open a new tab', async () => {
    await caughtResetMail()
    const page = await api.send('localhost', { path: '/dev/mail' })
    expect(page.headers['content-security-policy']).toContain("frame-src 'self'")
    const [, src = '', sandbox] =
      /<iframe src="([^"]+)" title="[^"]+" sandbox="([^"]+)"/.exec(page.text) ?? []
    expect(sandbox).toBe('allow-popups allow-popups-to-escape-sandbox')
    const frame = await api.send('localhost', { path: src })
    const policy = frame.headers['content-security-policy']
    expect(policy).toMatch(
      /^sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'/,
    )
    expect(policy).toContain("frame-ancestors 'self'")
    expect(policy).not.toMatch(/script|allow-same-origin|allow-forms/)
    expect(frame.headers['x-frame-options']).toBe('SAMEORIGIN')
    expect(frame.text).toMatch(/<head>\n<base target="_blank">[\s\S]*Choose a new password/)
    expect((await api.send('evil.example', { path: src })).status).toBe(404)
    expect((await api.send('localhost', { path: '/dev/mail/html?id=gone' })).status).toBe(404)
    const gone = await api.send('localhost', { path: '/dev/mail?id=gone' })
    expect([gone.status, gone.text]).toEqual([200, expect.stringContaining('This mail is gone')])
  })

  test('/dev/mails previews every mail in every language', async () => {
    const page = await api.send('localhost', { path: '/dev/mails' })
    const ids = [...page.text.matchAll(/href="\/dev\/mails\?id=([^"]+)"/g)].map(([, id]) => id)
    expect(ids).toContain('password_resets.mail.de')
    for (const id of ids) {
      const frame = await api.send('localhost', { path: `/dev/mails/html?id=${id}` })
      expect(frame.text, id).toContain(`lang="${id?.split('.').at(-1)}"`)
    }
    expect((await api.send('evil.example', { path: '/dev/mails' })).status).toBe(404)
  })

  test('lists the same mails as JSON, by Accept or ?format=json, newest first', async () => {
    const older = await caughtResetMail()
    const { email } = await caughtResetMail()
    const headers = { accept: 'application/json' }
    const byAccept = await api.send('localhost', { path: '/dev/mail', headers })
    const byQuery = await api.send('localhost', { path: '/dev/mail?format=json' })
    expect(byQuery.json).toEqual(byAccept.json)
    expect(Object.keys(byAccept.json.items[0]).sort()).toEqual(
      ['created_at', 'html', 'subject', 'text', 'to'].sort(),
    )
    const recipients = byAccept.json.items.map((it: { to: string }) => it.to)
    expect(recipients.indexOf(email)).toBeLessThan(recipients.indexOf(older.email))
  })

  test.each([
    'evil.example',
    'localhost.evil.example',
    'evil.example:8000',
    'client1.app.test',
    '192.168.1.2',
    '[2001:db8::1]',
    '127.0.0.1.evil.example',
  ])('is not found under the name %s', async (host) => {
    expect((await api.send(host, { path: '/dev/mail' })).status).toBe(404)
  })

  test.each(['127.0.0.1:8000', '127.8.8.8', 'LOCALHOST.', 'client1.localhost:8000', '[::1]'])(
    'is shown under the loopback name %s',
    async (host) => {
      expect((await api.send(host, { path: '/dev/mail' })).status).toBe(200)
    },
  )

  test('is not found for another machine, nor through a proxy', async () => {
    // The request is answered before any other part of the mailer is used.
    const mail = { caught: async () => [] }
    const page = devMailEndpoints(api.config, mail as never, []).find(
      (it) => it.path === '/dev/mail',
    )
    const status = async (peer: string, headers = {}) => {
      const request = endpointRequest({ host: 'localhost', ...headers }, peer)
      const respond = async () => page?.respond(request)
      return respond().then(
        () => 200,
        (error: AppError) => error.status,
      )
    }
    expect(
      await Promise.all(['127.0.0.1', '::1', '::ffff:127.0.0.1'].map((it) => status(it))),
    ).toEqual([200, 200, 200])
    expect(await Promise.all(['192.168.1.2', 'fe80::1', ''].map((it) => status(it)))).toEqual([
      404, 404, 404,
    ])
    expect(await status('127.0.0.1', { 'x-forwarded-for': '127.0.0.1' })).toBe(404)
    expect(await status('127.0.0.1', { forwarded: 'for=_x' })).toBe(404)
  })

  test('escapes the content of a mail', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'tenantry-mail-'))
    onTestFinished(() => rm(dataDir, { recursive: true }))
    const log = { warn: () => {} }
    const mail = createMail({ smtpUrl: undefined, from: 'a@b.cd', dataDir, production: false, log })
    const hostile = `<script>alert(1)</script> "'&`
    const text = `${hostile} https://x.example/?a=1&b=2"onmouseover="alert(1)`
    await mail.send({ to: "o'neil&co@x.example", subject: hostile, text, html: hostile })
    const page = devMailEndpoints(api.config, mail, []).find((it) => it.path === '/dev/mail')
    const reply = await page?.respond(endpointRequest({ host: 'localhost' }, '127.0.0.1'))
    expect(String(reply?.body)).not.toMatch(/<script|"onmouseover|'neil/)
    expect(String(reply?.body)).toContain('<a href="https://x.example/?a=1&amp;b=2">')
    expect(String(reply?.body)).toContain('&lt;script&gt;alert(1)&lt;/script&gt;')
  })
})

describe('/auth/reset-password of a server without pages', () => {
  let bare: TestApp
  beforeAll(async () => {
    bare = await startTestApp(app, { WEB: 'off' })
  })
  afterAll(() => bare.close())

  test('loads nothing from other hosts, and runs only its own script', async () => {
    const page = await bare.send('localhost', { path: '/auth/reset-password' })
    const policy = page.headers['content-security-policy'] ?? ''
    expect(policy).toMatch(/default-src 'none'.*script-src 'self'.*form-action 'none'/)
    expect(policy).not.toMatch(/https?:|unsafe|\*/)
    expect(page.headers['referrer-policy']).toBe('no-referrer')
    expect(page.text).not.toMatch(/https?:|<script>|\son\w+=/)
    const [, script = ''] = /<script src="([^"]+)">/.exec(page.text) ?? []
    const reply = await bare.send('localhost', { path: script })
    expect([reply.status, reply.headers['content-type']]).toEqual([
      200,
      'text/javascript; charset=utf-8',
    ])
  })

  test('has a label, a new-password field and a status for screen readers', async () => {
    const page = await bare.send('localhost', { path: '/auth/reset-password' })
    expect(page.text).toMatch(/<label for="password">[\s\S]*<input id="password"/)
    expect(page.text).toContain('autocomplete="new-password"')
    expect(page.text).toContain('role="status"')
  })
})

test('there are no development pages in production', async () => {
  const caught = async () => []
  const mail = { send: async () => undefined, caught }
  expect(devMailEndpoints({ ...api.config, production: true }, mail, [])).toEqual([])
})
