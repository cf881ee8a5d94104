import { expect, test } from 'vitest'
import { app } from '../../test/fixtures/app/app.ts'
import { loadConfig } from '../config/config.ts'
import { banner } from './banner.ts'

const facts = {
  app,
  config: loadConfig({ PORT: '8000' }),
  url: 'http://127.0.0.1:8000',
  place: '.data',
  ms: 1234,
  missingPages: [],
  outdated: undefined,
}

test('the banner has links, demo accounts and the place of the data, and nothing that needs no act', () => {
  const shown = banner(facts)
  expect(shown).toContain('Fixture App is ready at http://127.0.0.1:8000 (1.2 s)')
  expect(shown).toMatch(
    /Sign in +admin@client1\.com \/ admin123 at http:\/\/client1\.localhost:8000\n/,
  )
  expect(shown).not.toMatch(/Pages|production/)
})

test('the banner says which pages are not built, and that production needs a newer PostgreSQL', () => {
  const shown = banner({ ...facts, missingPages: ['auth', 'console'], outdated: '18.4' })
  expect(shown).toContain('Pages     not built: auth, console.')
  expect(shown).toContain('npm run build')
  expect(shown).toContain('PostgreSQL 18.4 is for development: production needs a newer one')
  expect(shown).not.toMatch(/\bL\d+\b/)
})
