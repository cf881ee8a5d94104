import { withClient } from '../../../packages/server/src/db/connect/with_client.ts'
import type { Bench } from '../bench.ts'
import type { Child } from '../child.ts'
import { superuserUrl } from '../database.ts'
import type { Figure } from '../figure.ts'
import { type Connection, openConnection } from '../processes/connection.ts'
import { requestTexts } from '../processes/request_texts.ts'
import { openSessions, type Session } from '../sessions.ts'
import { quantile } from '../statistics.ts'
import { makeTenant } from '../tenants.ts'

const TRIALS = 1_000
const PATH = '/api/tenant/tenant-data'

export const revocation: Figure = {
  name: 'revocation',
  what: `revocation: a session revoked in the database -> first rejection on a server under load, p99 of ${TRIALS} trials; none served after 1 s`,
  target: { atMost: 50 },
  unit: ' ms',
  async measure(bench) {
    const nodes = [await bench.startApp(), await bench.startApp()] as const
    const tenant = await makeTenant(bench.database, nodes[0].port)
    const member = `select '${tenant.tenantId}'::uuid tenant_id, '${tenant.userId}'::uuid user_id`
    const sessions = await openSessions(bench.database, bench.secret, member, TRIALS)
    const requests = [{ path: PATH, headers: tenant.headers }]
    const loads = await Promise.all(
      nodes.map(async ({ port }) => {
        const loader = await bench.startLoader()
        return { loader, job: { port, connections: 16, pauseMs: 10, requests, seconds: 10 } }
      }),
    )
    let over = false
    const loading = loads.map(async ({ loader, job }) => {
      while (!over) await loader.run(job)
    })
    const delays = await revokeEach(bench, nodes[1], sessions)
    const served = await stillServed(nodes, sessions)
    over = true
    await Promise.all(loading)
    // A request that is still served fails the figure, whatever the times.
    const value = served === 0 ? quantile(delays, 0.99) : Number.POSITIVE_INFINITY
    return {
      value,
      notes: [
        `${delays.length} trials: p50 ${quantile(delays, 0.5).toFixed(1)} ms, ` +
          `p99 ${quantile(delays, 0.99).toFixed(1)} ms, longest ${Math.max(...delays).toFixed(1)} ms, ` +
          'from before the UPDATE is sent until the rejection has arrived',
        `served by either of the two servers more than a second later: ${served}`,
      ],
    }
  },
}

async function revokeEach(
  bench: Bench,
  node: Child,
  sessions: readonly Session[],
): Promise<number[]> {
  const connection = await openConnection(node.port)
  const delays: number[] = []
  await withClient(superuserUrl(bench.database), async (client) => {
    for (const session of sessions) {
      const text = textOf(session)
      // Twice, so that later requests are served from the cache.
      if ((await connection.send(text)) !== 200) throw new Error('a session was not served')
      await connection.send(text)
      const sentAt = performance.now()
      const revoked = client.query(
        'update tenantry.sessions set revoked_at = now() where tenant_id = $1 and id = $2',
        [session.tenantId, session.id],
      )
      await untilRejected(connection, text, sentAt)
      delays.push(performance.now() - sentAt)
      await revoked
    }
  })
  connection.close()
  return delays
}

async function untilRejected(connection: Connection, text: string, sentAt: number): Promise<void> {
  while ((await connection.send(text)) === 200) {
    if (performance.now() - sentAt > 10_000) throw new Error('a revocation did not arrive')
  }
}

async function stillServed(nodes: readonly Child[], sessions: readonly Session[]): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  let served = 0
  for (const { port } of nodes) {
    const connection = await openConnection(port)
    for (const session of sessions) {
      if ((await connection.send(textOf(session))) === 200) served++
    }
    connection.close()
  }
  return served
}

function textOf({ headers }: Session): string {
  return requestTexts([{ path: PATH, headers }])()
}
