import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { button, code, paragraph } from '../app/mails/blocks.ts'
import { mailTemplate } from '../app/mails/mail_template.ts'
import { Branding, brandingOf } from '../tenancy/branding.ts'
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

// As in the definitions of WCAG 2.2.
function luminance(color: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5]
    .map((at) => Number.parseInt(color.slice(at, at + 2), 16) / 255)
    .map((it) => (it <= 0.04045 ? it / 12.92 : ((it + 0.055) / 1.055) ** 2.4))
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

function contrast(one: string, other: string): number {
  const [lighter = 0, darker = 0] = [luminance(one), luminance(other)].toSorted((a, b) => b - a)
  return (lighter + 0.05) / (darker + 0.05)
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

  test('writes on any colour with the contrast that WCAG 2.2 asks for', () => {
    const hex = fc.integer({ min: 0, max: 0xffffff })
    fc.assert(
      fc.property(hex, (it) => {
        const color = `#${it.toString(16).padStart(6, '0')}`
        const [, text = ''] =
          /background-color: #\w{6}; color: (#\w{6});/.exec(render({ branding: { color } }).html) ??
          []
        expect(contrast(color, text)).toBeGreaterThanOrEqual(4.5)
      }),
    )
  })

  test('shows a wide logo with the name as its text, and another one beside the name', () => {
    const url = 'https://acme.example.com/api/branding/logo'
    const withLogo = (width: number) =>
      render({ branding: { logo: { url, width, height: 40 } } }).html
    expect(withLogo(81)).toContain(`<img src="${url}" alt="Acme"`)
    expect(withLogo(81)).not.toContain('>Acme</span>')
    expect(withLogo(80)).toContain(`<img src="${url}" alt=""`)
    expect(withLogo(80)).toContain('>Acme</span>')
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
  { logo: { hash: '../../../../etc/passwd', width: 1, height: 1 } },
  { notice: 'two\nlines' },
  { color: 'red;background:url(//x)' },
  { reply_to: 'a@x.example,b@x.example' },
  { locale: 'german language' },
  { unknown: 1 },
])('branding %j is invalid, and a mail ignores it', (branding) => {
  expect(Branding.safeParse(branding).success).toBe(false)
  expect(brandingOf(branding)).toEqual({})
})
