import { expect, test } from 'vitest'
import { passwordChangedMail, resetMail } from './templates.ts'

const hostile = { appName: 'A&B', tenantName: '<img src=x onerror=alert(1)>' }

test('a reset mail names the tenant and the time limit, and says what to do otherwise', () => {
  const link = 'https://acme.example.com/reset-password#token=abc-_123'
  const mail = resetMail({ appName: 'App', tenantName: 'Acme', link, minutes: 30 })
  expect(mail.subject).toContain('Acme')
  expect(mail.text).toMatch(
    /Acme[\s\S]*30 minutes[\s\S]*\n\nhttps:[\s\S]*If you did not request it/,
  )
  // On a separate line, so that no mail program includes a full stop in the link.
  expect(mail.text.split('\n')).toContain(link)
  expect(mail.html).toContain(`<a href="${link}">${link}</a>`)
})

test('mails escape the names of app and tenant', () => {
  const link = 'https://x.example/?a=1&token="><b>'
  const mails = [resetMail({ ...hostile, link, minutes: 5 }), passwordChangedMail(hostile)]
  for (const { html } of mails) {
    expect(html).not.toMatch(/<img|<b>/)
    expect(html).toContain('&lt;img src=x onerror=alert(1)&gt;')
    expect(html).toContain('A&amp;B')
  }
})
