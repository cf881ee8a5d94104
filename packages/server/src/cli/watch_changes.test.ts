import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { watchChanges } from './watch_changes.ts'

async function watchFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'tenantry-watch-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  mkdirSync(join(folder, 'src'))
  writeFileSync(join(folder, 'src/app.ts'), 'first')
  // A folder that contains itself.
  symlinkSync('.', join(folder, 'src/again'))
  const changes: string[] = []
  const paths = [join(folder, 'src'), join(folder, 'migrations'), join(folder, '.env')]
  const onChange = (name: string) => changes.push(name)
  onTestFinished(await watchChanges({ paths, folder, onChange }))
  return { folder, changes }
}

test('a change is reported though every event of it is lost', async () => {
  // chokidar looks once an hour then.
  vi.stubEnv('CHOKIDAR_USEPOLLING', 'true')
  vi.stubEnv('CHOKIDAR_INTERVAL', '3600000')
  onTestFinished(() => void vi.unstubAllEnvs())
  const { folder, changes } = await watchFolder()
  const last = () => expect.poll(() => changes.at(-1))
  writeFileSync(join(folder, 'src/app.ts.tmp'), 'other')
  renameSync(join(folder, 'src/app.ts.tmp'), join(folder, 'src/app.ts'))
  await last().toBe('src/app.ts')
  mkdirSync(join(folder, 'migrations'))
  writeFileSync(join(folder, 'migrations/1.sql'), '')
  await last().toBe('migrations/1.sql')
  writeFileSync(join(folder, '.env'), '')
  await last().toBe('.env')
  rmSync(join(folder, 'migrations/1.sql'))
  await last().toBe('migrations/1.sql')
  expect(changes).toHaveLength(4)
})

test('a change is reported once, whether an event or a look finds it first', async () => {
  const { folder, changes } = await watchFolder()
  writeFileSync(join(folder, 'src/app.ts~'), 'a backup')
  writeFileSync(join(folder, 'src/app.ts.tmp'), 'other')
  renameSync(join(folder, 'src/app.ts.tmp'), join(folder, 'src/app.ts'))
  await expect.poll(() => changes).toEqual(['src/app.ts'])
  writeFileSync(join(folder, 'src/added.ts'), '')
  await expect.poll(() => changes).toEqual(['src/app.ts', 'src/added.ts'])
})
