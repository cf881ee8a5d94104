import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, expect, test } from 'vitest'
import { appWith, makeWorkplace } from '../../test/fixtures/cli.ts'
import { findServer } from '../db/embedded/process.ts'

const place = makeWorkplace('./app.ts')
afterAll(() => place.remove())

test('dev restarts on a change, survives a broken app, and leaves nothing behind', async () => {
  place.write('app.ts', appWith("name: 'First'"))
  const dev = place.launch('dev')
  await dev.says(/First is ready at/)
  const cluster = join(place.folder, '.data/postgres/cluster')
  const database = findServer(cluster)?.process.pid

  const second = await place.run('start')
  expect(second.stderr).toMatch(/^tenantry: already running at http:.* \(process \d+\)/)

  place.write('app.ts', appWith("name: 'Second'"))
  await dev.says(/app\.ts changed; restarting/)
  await dev.says(/Second is ready at/)

  place.write('app.ts', 'export const app = {')
  await dev.says(/tenantry: cannot load app\.ts: .*app\.ts:1:[\s\S]*waiting for a change/)
  // The database keeps running while the app is broken.
  await sleep(300)
  expect(findServer(cluster)?.process.pid).toBe(database)

  place.write('app.ts', appWith("name: 'Third'"))
  await dev.says(/Third is ready at/)
  expect(findServer(cluster)?.process.pid).toBe(database)

  dev.process.kill('SIGTERM')
  expect((await dev.finished).code).toBe(0)
  expect(findServer(cluster)).toBeUndefined()
  expect(readdirSync(join(place.folder, '.data'))).not.toContain('start.lock')
}, 90_000)
