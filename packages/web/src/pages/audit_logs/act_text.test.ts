import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import i18next from 'i18next'
import { expect, test } from 'vitest'
import { actText, knownActions } from './act_text.ts'

const consoleTexts = (locale: string) =>
  JSON.parse(
    readFileSync(join(import.meta.dirname, `../../i18n/locales/${locale}.console.json`), 'utf8'),
  )

/** Shows the pages in a language, with the texts of an app. */
async function show(lng: string, app: object): Promise<void> {
  const resources = { [lng]: { console: consoleTexts(lng), app } }
  await i18next.init({ lng, resources, defaultNS: 'console' })
}

test("the audit log has an app's words for an action, and makes words where it has none", async () => {
  await show('en', { acts: { invoices: { send: 'Sent an invoice' } } })
  expect(actText('members.update')).toBe('Changed a member')
  expect(actText('invoices.send')).toBe('Sent an invoice')
  expect(actText('invoices.create')).toBe('Invoices: created')
  expect(actText('purchase_orders.mark_as_paid')).toBe('Purchase orders: mark as paid')
})

test('made words are in the language of the page, and have the title that the app gives the noun', async () => {
  await show('de', { purchaseOrders: { title: 'Bestellungen' } })
  expect(actText('purchase_orders.delete')).toBe('Bestellungen: gelöscht')
  expect(actText('members.update')).toBe('Mitglied geändert')
})

test('the actions that can be chosen are those with words, and what is permitted on resources of the app', async () => {
  await show('en', { acts: { invoices: { send: 'Sent an invoice' } } })
  const actions = knownActions(['invoices:read', 'invoices:create', 'invitations:delete'])
  expect(actions).toEqual(expect.arrayContaining(['members.update', 'invoices.send']))
  expect(actions).toContain('invoices.create')
  // An invitation is revoked, and reading leaves no entry.
  expect(actions).not.toContain('invitations.delete')
  expect(actions).not.toContain('invoices.read')
})

const server = join(import.meta.dirname, '../../../../server')

/** The actions that modules and triggers of the kernel write into the log of a tenant. */
function kernelActions(): string[] {
  const modules = join(server, 'src/modules')
  const names = readdirSync(modules, { recursive: true, encoding: 'utf8' })
  const texts = names
    .filter((it) => it.endsWith('.ts') && !it.endsWith('.test.ts'))
    .map((it) => readFileSync(join(modules, it), 'utf8'))
  const written = texts.flatMap((it) => [...it.matchAll(/\b(?:action|audit): '([a-z_.]+)'/g)])
  const triggers = readFileSync(join(server, 'migrations/0004_audit.up.sql'), 'utf8')
  const found = [...written, ...triggers.matchAll(/'(users\.[a-z_]+)'/g)]
  return [...new Set(found.map(([, action = '']) => action))]
}

test.each(['en', 'de'])('each action of the kernel has words of its own (%s)', (locale) => {
  const { acts } = consoleTexts(locale)
  const actions = kernelActions()
  expect(actions).toContain('users.sessions_end')
  const hasWords = (action: string) => {
    const [noun = '', what = ''] = action.split('.')
    return typeof acts[noun]?.[what] === 'string'
  }
  expect(actions.filter((it) => !hasWords(it))).toEqual([])
})
