import { describe, expect, test } from 'vitest'
import { app } from '../../../test/fixtures/app/app.ts'
import { allMailPreviews, incompleteMailTexts } from './all_mails.ts'

describe('every mail in every language', () => {
  const previews = allMailPreviews(app)

  test.each(previews.map((it) => [`${it.name}.${it.locale}`, it] as const))(
    '%s reads as committed',
    async (name, { subject, text, html }) => {
      await expect(`Subject: ${subject}\n\n${text}`).toMatchFileSnapshot(
        `../../../test/mails/${name}.txt`,
      )
      await expect(html).toMatchFileSnapshot(`../../../test/mails/${name}.html`)
    },
  )

  test('is in English and German', () => {
    const names = new Set(previews.map((it) => it.name))
    for (const name of names) {
      const locales = previews.filter((it) => it.name === name).map((it) => it.locale)
      expect(locales, name).toEqual(['en', 'de'])
    }
  })
})

describe('mailTexts', () => {
  const previewsWith = (mailTexts: object) => () =>
    allMailPreviews({ ...app, mailTexts: mailTexts as never })

  test('adds a language to a mail of the kernel', () => {
    const fr = {
      subject: 'Mot de passe changé',
      what: 'Il a changé.',
      otherwise: 'Sinon, appelez.',
    }
    const previews = previewsWith({ 'users.password_changed': { fr } })()
    expect(previews).toContainEqual(
      expect.objectContaining({
        name: 'users.password_changed',
        locale: 'fr',
        subject: fr.subject,
      }),
    )
  })

  test('of an incomplete language are named', () => {
    const fr = { subject: 'Mot de passe changé' }
    const mailTexts = { 'users.password_changed': { fr } }
    expect(incompleteMailTexts({ ...app, mailTexts })).toEqual([
      'users.password_changed in fr: what, otherwise',
    ])
  })

  test.each([
    [{ 'users.gone': {} }, 'no mail is called "users.gone"'],
    [
      { 'users.password_changed': { en: { lead: 'x' } } },
      'has no text "lead"; it has: subject, what',
    ],
    [{ 'users.password_changed': { en: { what: '{x}' } } }, 'needs the value "x"'],
  ])('%j is a mistake that the server names when it starts', (mailTexts, message) => {
    expect(previewsWith(mailTexts)).toThrow(message)
  })
})
