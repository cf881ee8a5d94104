import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { withClient } from '../connect/with_client.ts'
import { startEmbedded } from './embedded.ts'

test('PGSSLMODE and PGOPTIONS of a shell do not reach the embedded server', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'tenantry-environment-'))
  onTestFinished(() => {
    vi.unstubAllEnvs()
    rmSync(dataDir, { recursive: true, force: true })
  })
  vi.stubEnv('PGSSLMODE', 'require')
  vi.stubEnv('PGOPTIONS', '-c no_such_setting=1')
  const { adminUrl, stop } = await startEmbedded({ dataDir, ephemeral: true })
  onTestFinished(stop)
  await withClient(adminUrl, async (it) => {
    expect((await it.query('select 1 as n')).rows).toEqual([{ n: 1 }])
  })
}, 60_000)
