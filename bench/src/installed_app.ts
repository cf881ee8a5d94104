import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { newStarter, packKernel } from '../../scripts/packed_starter.ts'

/** The starter as a user has it: with a kernel that was built, packed and installed. */
export interface InstalledApp {
  folder: string
  remove(): Promise<void>
}

export async function installApp(): Promise<InstalledApp> {
  const place = await mkdtemp(join(tmpdir(), 'tenantry-bench-'))
  const folder = await newStarter(place, await packKernel(place))
  return { folder, remove: () => rm(place, { recursive: true, force: true }) }
}
