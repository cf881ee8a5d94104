import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { sharedDatabase } from '../../test/fixtures/databases.ts'
import { openTestDatabase } from '../../test/fixtures/test_database.ts'
import { startWireProxy } from '../../test/fixtures/wire_proxy.ts'
import { createInvalidationListener } from './listener.ts'
import { EVERYTHING, InvalidationLog } from './log.ts'

test('a listener stops promptly at any moment of connecting or reconnecting', async () => {
  const { app: url, identity, platform, jobs } = sharedDatabase()
  const proxy = await startWireProxy(url)
  onTestFinished(proxy.close)
  const { through } = proxy
  for (let round = 0; round < 25; round++) {
    const urls = { app: through(url), identity: through(identity), platform, jobs }
    const database = openTestDatabase({ urls, waitMs: 1_000 })
    const listener = createInvalidationListener({ url: through(url), database, onError: () => {} })
    listener.start()
    await sleep(round * 5)
    if (round % 2 === 1) {
      proxy.cut()
      await sleep(round * 5)
    }
    // Disconnecting alone may take a second.
    expect(await Promise.race([listener.stop(), sleep(2_500, 'still running')])).toBeUndefined()
  }
})

test('a value older than the log counts as stale, whatever it depends on', () => {
  const invalidations = new InvalidationLog(2)
  invalidations.add('user:1')
  const { position } = invalidations
  expect(invalidations.changedSince(position - 1, ['1'])).toBe(true)
  expect(invalidations.changedSince(position, ['1'])).toBe(false)
  for (const key of ['user:2', 'user:3', 'user:4']) invalidations.add(key)
  expect(invalidations.changedSince(position, ['9'])).toBe(true)
  expect(invalidations.changedSince(invalidations.position - 1, ['9'])).toBe(false)
})

test('an invalidation is found by its id without its kind, and `hosts` as it is', () => {
  const invalidations = new InvalidationLog()
  const { position } = invalidations
  invalidations.add('session:0b0e')
  invalidations.add('hosts')
  for (const id of ['0b0e', 'hosts']) {
    expect(invalidations.changedSince(position, ['other', id])).toBe(true)
  }
  expect(invalidations.changedSince(position, ['0b0', 'session', 'host'])).toBe(false)
})

test('an invalidation of everything makes every older value stale, and no newer one', () => {
  const invalidations = new InvalidationLog()
  const { position } = invalidations
  invalidations.add(EVERYTHING)
  expect(invalidations.changedSince(position, [])).toBe(true)
  expect(invalidations.changedSince(invalidations.position, [])).toBe(false)
})
