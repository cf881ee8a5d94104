import { describe, expect, test } from 'vitest'
import { button, code, paragraph } from '../app/mails/blocks.ts'
import { mailTemplate } from '../app/mails/mail_template.ts'
import { Branding, brandingOf } from './branding.ts'
import { type MailSetting, renderMail } from './render_mail.ts'

const greeting = mailTemplate('greetings.mail', {
  sample: { project: 'Apollo', link: 'https://acme.example.com/', minutes: 30 },
  texts: {
    en: { subject: '“{project}” of {tenant}', lead: 'For {duration}.', open: 'Open' },
    de: { subject: '„{project}“ von {tenant}', lead: 'Für {duration}.', open: 'Öffnen' },
  },
  content: ({ link, minutes }, t) => ({
    subject: t('subject'),
    blocks: [
      paragraph(t('lead', { duration: t.duration(minutes) })),
      button(link, t('open')),
      code('042042'),
    ],
  }),
})

function render(setting: Partial<MailSetting> = {}, values: Partial<typeof sample> = {}) {
  const defaults = { appName: 'App', tenantName: 'Acme', branding: {}, locales: [], changes: {} }
  return renderMail(greeting, { ...sample, ...values }, { ...defaults, ...setting })
}

const sample = { project: 'Apollo', link: 'https://acme.example.com/?a=1&token=x', minutes: 60 }

describe('a rendered mail', () => {
  test('has the link on a line of its own in the text, and as a button in the HTML', () => {
    const { text, html } = render()
    expect(text).toBe(
      'For 1 hour.\n\nOpen:\nhttps://acme.example.com/?a=1&token=x\n\n042042\n\nApp\n',
    )
    expect(html).toMatch(
      /<a href="https:\/\/acme\.example\.com\/\?a=1&amp;token=x" [^>]*>Open<\/a>/,
    )
  })

  test('escapes every name, and keeps it in its quotation and on its line', () => {
    const hostile = '”<img src=x>\r\nBcc: eve@x.example\u2028“{link}'
    const { subject, html } = render(
      { appName: hostile, tenantName: hostile },
      { project: hostile },
    )
    const inWords = "'<img src=x> Bcc: eve@x.example '{link}"
    expect(subject).toBe(`“${inWords}” of ${inWords}`)
    expect(html).not.toContain('<img')
  })

  test('accepts links of http and https only', () => {
    for (const link of ['javascript:alert(1)', 'data:text/html,x', '//x.example', 'https://a b']) {
      expect(() => render({}, { link }), link).toThrow(/must begin with http/)
    }
  })

  test.each([
    [['de-AT', 'en'], '„Apollo“ von Acme'],
    [[null, 'de'], '„Apollo“ von Acme'],
    [['fr', undefined, 'de'], '„Apollo“ von Acme'],
    [['fr'], '“Apollo” of Acme'],
    [['constructor'], '“Apollo” of Acme'],
  ])('is in the first language of %j that it has, and else in English', (locales, subject) => {
    expect(render({ locales }).subject).toBe(subject)
  })

  test('takes words of the app, and no language of which a text is missing', () => {
    const changes = {
      'greetings.mail': {
        en: { open: 'Go' },
        fr: { subject: 'Sujet', lead: '{duration}', open: 'Ouvrir' },
        es: { subject: 'Asunto' },
      },
    }
    expect(render({ changes }).text).toContain('Go:\n')
    expect(render({ changes, locales: ['fr-CA'] }).text).toMatch(/^1\sheure/)
    expect(render({ changes, locales: ['es'] }).subject).toBe('“Apollo” of Acme')
  })

  test.each([
    ['#000000', '#ffffff'],
    ['#ffffff', '#000000'],
    ['#facc15', '#000000'],
    ['#0f766e', '#ffffff'],
  ])('on the colour %s it writes in %s', (color, text) => {
    expect(render({ branding: { color } }).html).toContain(
      `background-color: ${color}; color: ${text};`,
    )
  })

  test('shows the logo with the name as its text', () => {
    const { html } = render({ branding: { logo: 'https://cdn.example.com/a.png' } })
    expect(html).toMatch(/<img src="https:\/\/cdn\.example\.com\/a\.png" alt="Acme"/)
  })

  test('says which text and which value are missing', () => {
    const changes = { 'greetings.mail': { en: { lead: '{nothing}' } } }
    expect(() => render({ changes })).toThrow('the text "{nothing}" needs the value "nothing"')
  })
})

test('a template names the texts that a language lacks, and a language that is none', () => {
  const declare = (texts: object) => () =>
    mailTemplate('a.b', {
      sample: {},
      texts: texts as never,
      content: () => ({ subject: '', blocks: [] }),
    })
  expect(declare({ en: { a: '', b: '' }, de: { a: '' } })).toThrow('mail "a.b": de lacks b')
  expect(declare({ en: { a: '' }, german_: { a: '' } })).toThrow('"german_" is no language tag')
})

test.each([
  { logo: 'http://x.example/a.png' },
  { logo: 'javascript:alert(1)' },
  { color: 'red;background:url(//x)' },
  { reply_to: 'a@x.example,b@x.example' },
  { locale: 'german language' },
  { unknown: 1 },
])('branding %j is invalid, and a mail ignores it', (branding) => {
  expect(Branding.safeParse(branding).success).toBe(false)
  expect(brandingOf(branding)).toEqual({})
})
