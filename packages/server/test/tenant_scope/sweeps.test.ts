import { expect, test } from 'vitest'
import { accessFaults, hostFaults, probeAccess } from '../../src/testing/sweeps/access.ts'
import { auditFaults } from '../../src/testing/sweeps/audit.ts'
import { inputFaults } from '../../src/testing/sweeps/inputs/canaries.ts'
import { cookieFaults } from '../../src/testing/sweeps/inputs/cookies.ts'
import { isolationFaults } from '../../src/testing/sweeps/isolation.ts'
import { publicReplyFaults } from '../../src/testing/sweeps/public_replies.ts'
import { replyFaults } from '../../src/testing/sweeps/replies.ts'
import { secretFaults } from '../../src/testing/sweeps/secrets.ts'
import { createWorld, type World } from '../../src/testing/sweeps/world/world.ts'
import { app } from '../fixtures/app/app.ts'

// Those whose result depends on whose accounts there are. The records of the others are of the global scope.
const sweeps: Record<string, (world: World) => Promise<string[]>> = {
  access: async (world) => [
    ...accessFaults(world, await probeAccess(world)),
    ...(await hostFaults(world)),
  ],
  cookies: cookieFaults,
  isolation: isolationFaults,
  inputs: inputFaults,
  public: publicReplyFaults,
  replies: replyFaults,
  audit: auditFaults,
  secrets: secretFaults,
}

test.each(Object.entries(sweeps))(
  'the sweep "%s" finds nothing where each tenant has accounts of its own',
  async (_, sweep) => {
    const world = await createWorld(app, { settings: { LOG_LEVEL: 'debug', METRICS_PORT: '0' } })
    const faults = await sweep(world).finally(world.close)
    expect(faults).toEqual([])
  },
  600_000,
)
