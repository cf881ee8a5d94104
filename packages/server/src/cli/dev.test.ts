import { appendFileSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { appWith, makeWorkplace } from '../../test/fixtures/cli.ts'
import { findServer } from '../db/embedded/process.ts'

// Of the test's own: what a failed test leaves running must not be met by the next.
function makePlace() {
  const place = makeWorkplace('./src/app.ts')
  onTestFinished(() => place.remove())
  mkdirSync(join(place.folder, 'src'))
  mkdirSync(join(place.folder, 'migrations'))
  // As most editors save: a new file is renamed over the old one.
  const replace = (name: string, content: string) => {
    place.write(`${name}.tmp`, content)
    renameSync(join(place.folder, `${name}.tmp`), join(place.folder, name))
  }
  return { place, replace }
}

test('dev restarts on each kind of change, survives a broken app, and leaves nothing behind', async () => {
  const { place, replace } = makePlace()
  place.write('src/app.ts', appWith("name: 'First'"))
  const dev = place.launch('dev')
  await dev.says(/First is ready at/)
  const cluster = join(place.folder, '.data/postgres/cluster')
  const database = findServer(cluster)?.process.pid

  const second = await place.run('start')
  expect(second.stderr).toMatch(/^tenantry: already running at http:.* \(process \d+\)/)

  // A watcher of the file itself would see the first of these and follow the file that is gone.
  for (const name of ['Second', 'Third']) {
    replace('src/app.ts', appWith(`name: '${name}'`))
    await dev.says(new RegExp(`src/app\\.ts changed: ${name} is ready again at http:`))
  }

  replace('src/app.ts', 'export const app = {')
  await dev.says(/tenantry: cannot load src\/app\.ts: .*app\.ts:1:[\s\S]*waiting for a change/)
  // The database keeps running while the app is broken.
  await sleep(300)
  expect(findServer(cluster)?.process.pid).toBe(database)

  place.write('src/app.ts', appWith("name: 'Fourth'"))
  await dev.says(/src\/app\.ts changed: Fourth is ready again/)
  appendFileSync(join(place.folder, 'src/app.ts'), "app.name = 'Fifth'\n")
  await dev.says(/src\/app\.ts changed: Fifth is ready again/)
  place.write('src/added.ts', "export const name = 'Sixth'\n")
  await dev.says(/src\/added\.ts changed: Fifth is ready again/)
  replace('src/app.ts', appWith('name', "import { name } from './added.ts'"))
  await dev.says(/src\/app\.ts changed: Sixth is ready again/)
  replace('src/added.ts', "export const name = 'Seventh'\n")
  await dev.says(/src\/added\.ts changed: Seventh is ready again/)

  replace('.env', 'LOG_LEVEL=mistyped\n')
  await dev.says(/LOG_LEVEL[\s\S]*waiting for a change/)
  replace('.env', 'LOG_LEVEL=warn\n')
  await dev.says(/\.env changed: Seventh is ready again/)
  rmSync(join(place.folder, '.env'))
  await dev.says(
    /\.env changed: Seventh is ready again[\s\S]*\.env changed: Seventh is ready again/,
  )
  expect(findServer(cluster)?.process.pid).toBe(database)

  dev.process.kill('SIGTERM')
  const { code, stdout } = await dev.finished
  expect(code).toBe(0)
  expect(stdout.match(/API docs/g)).toHaveLength(1)
  expect(findServer(cluster)).toBeUndefined()
  expect(readdirSync(join(place.folder, '.data'))).not.toContain('start.lock')
}, 240_000)

test('dev does not wait long for a request that has no end, nor restart for what no server reads', async () => {
  const { place, replace } = makePlace()
  const handler = `handle: () => new Promise(() => {})`
  const hangs = `routes: [...fixture.routes, { ...fixture.routes.find((it) => it.access === 'public') ?? fixture.routes[0], method: 'GET', path: '/api/hangs', access: 'public', audit: undefined, query: undefined, params: undefined, body: undefined, ${handler} }]`
  place.write('src/app.ts', appWith(hangs))
  const dev = place.launch('dev')
  const [, url = ''] = await dev.says(/is ready at (http:\S+)/)
  const hanging = fetch(`${url}/api/hangs`).catch(() => 'cut off')
  for (const ignored of ['src/app.test.ts', 'src/.app.ts.swp', 'src/app.ts~', 'notes.txt']) {
    place.write(ignored, 'nothing')
  }
  await sleep(500)
  replace('src/app.ts', appWith("name: 'Next'"))
  const [, seconds] = await dev.says(/src\/app\.ts changed: Next is ready again at \S+ \((\S+) s\)/)
  expect(Number(seconds)).toBeLessThan(30)
  expect(await hanging).toBe('cut off')
  dev.process.kill('SIGTERM')
  const { stdout } = await dev.finished
  expect(stdout.match(/changed:/g)).toHaveLength(1)
}, 60_000)
