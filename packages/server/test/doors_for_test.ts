import type pg from 'pg'
import { onTestFinished } from 'vitest'
import { createPool, type PoolSettings } from '../src/db/pool.ts'
import { limits } from '../src/db/role_settings.ts'
import { createDoors, type OperatorDoors } from '../src/db/tenancy.ts'
import { type DatabaseUrls, doorUrls, isPooled } from './databases.ts'

export interface TestDoors extends OperatorDoors {
  pools: Record<'app' | 'identity' | 'platform', pg.Pool>
  /** What the pools said of idle connections that broke. */
  lost: Error[]
  /** From now on waits this long for a connection: not yet while a busy machine opens the first. */
  waitFor(ms: number): void
  /** Sooner than the end of the test. */
  close(): Promise<void>
}

type Overrides = Partial<Omit<PoolSettings, 'url' | 'name' | 'onError'>> & {
  named?: boolean
  urls?: Pick<DatabaseUrls, 'app' | 'identity' | 'platform'>
}

/** OperatorDoors with pools of their own, of one connection each; closed when the test has finished. */
export function openTestDoors({
  named = !isPooled(),
  urls,
  ...settings
}: Overrides = {}): TestDoors {
  const { app, identity, platform } = urls ?? doorUrls()
  const lost: Error[] = []
  const pool = (door: 'app' | 'identity' | 'platform', url: string) =>
    createPool({
      url,
      limits: limits[door],
      max: 1,
      waitMs: 5_000,
      queryTimeoutMs: 12_000,
      pipeline: true,
      name: 'tenantry test',
      onError: (error) => lost.push(error),
      ...settings,
    })
  const pools = {
    app: pool('app', app),
    identity: pool('identity', identity),
    platform: pool('platform', platform),
  }
  let closed: Promise<unknown> | undefined
  const close = async () => {
    closed ??= Promise.all(Object.values(pools).map((it) => it.end()))
    await closed
  }
  onTestFinished(close)
  const waitFor = (ms: number) => {
    for (const { options } of Object.values(pools)) options.connectionTimeoutMillis = ms
  }
  return { ...createDoors(pools, named), pools, lost, waitFor, close }
}
