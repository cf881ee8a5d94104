import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { app as fixture } from '../../../test/fixtures/app/app.ts'
import { loadCommandConfig } from '../../config/config.ts'
import { checkPages } from './pages.ts'

test('doctor says what a server in production has for pages', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tenantry-pages-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const app = { ...fixture, migrations: pathToFileURL(join(folder, 'migrations')) }
  const config = { ...loadCommandConfig({}), production: true }
  const found = () => checkPages(app, config).map(({ state, detail }) => `${state} ${detail}`)
  expect(found()).toEqual([expect.stringContaining('warn there are none')])
  mkdirSync(join(folder, 'web'))
  writeFileSync(join(folder, 'web/vite.config.ts'), '')
  expect(found()).toEqual([expect.stringContaining('warn web/ is not built: run npm run build')])
  mkdirSync(join(folder, 'web/dist'))
  expect(found()).toEqual(['ok auth, account, console'])
  expect(checkPages(app, { ...config, WEB: [] })).toEqual([])
  expect(checkPages(app, { ...config, production: false })).toEqual([])
})
