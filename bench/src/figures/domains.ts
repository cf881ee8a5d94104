import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { withClient } from '../../../packages/server/src/db/connect/with_client.ts'
import { superuserUrl } from '../database.ts'
import type { Figure } from '../figure.ts'
import { type Connection, openConnection } from '../processes/connection.ts'
import { requestTexts } from '../processes/request_texts.ts'
import { quantile } from '../statistics.ts'
import { makeTenant } from '../tenants.ts'

const TRIALS = 500
const NOT_FOUND = 404

export const domains: Figure = {
  name: 'domains',
  what: `a domain verified or detached in the database -> both of two servers follow, p99 of ${TRIALS} trials each`,
  target: { atMost: 50 },
  unit: ' ms',
  async measure(bench) {
    const nodes = [await bench.startApp(), await bench.startApp()]
    const { tenantId } = await makeTenant(bench.database, nodes[0]?.port ?? 0)
    const connections = await Promise.all(nodes.map(({ port }) => openConnection(port)))
    const delays: { verified: number[]; detached: number[] } = { verified: [], detached: [] }
    await withClient(superuserUrl(bench.database), async (client) => {
      for (let n = 0; n < TRIALS; n++) {
        const domain = { tenantId, name: `n${n}.bench.test` }
        await addDomain(client, domain)
        const followed = (isFound: boolean) =>
          Promise.all(connections.map((it) => until(it, domain.name, isFound)))
        await followed(false)
        for (const state of ['verified', 'detached'] as const) {
          const sentAt = performance.now()
          const set = client.query(
            `update tenantry.domains set state = $1, proof_seen_at = now(), verified_at = now(),
               detached_at = case when $1 = 'detached' then now() end
             where tenant_id = $2 and name = $3`,
            [state, tenantId, domain.name],
          )
          await followed(state === 'verified')
          delays[state].push(performance.now() - sentAt)
          await set
        }
      }
    })
    for (const it of connections) it.close()
    const text = (name: string, of: number[]) =>
      `${name}: p50 ${quantile(of, 0.5).toFixed(1)} ms, p99 ${quantile(of, 0.99).toFixed(1)} ms, ` +
      `longest ${Math.max(...of).toFixed(1)} ms`
    return {
      value: Math.max(quantile(delays.verified, 0.99), quantile(delays.detached, 0.99)),
      notes: [
        text('verified', delays.verified),
        text('detached', delays.detached),
        'from before the UPDATE is sent until the second server has answered',
      ],
    }
  },
}

async function addDomain(
  client: pg.ClientBase,
  { tenantId, name }: { tenantId: string; name: string },
): Promise<void> {
  await client.query(
    `insert into tenantry.domains (tenant_id, id, name, proof)
     values ($1, gen_random_uuid(), $2, repeat('0', 32))`,
    [tenantId, name],
  )
}

// Without a token a tenant answers 401.
async function until(connection: Connection, host: string, isFound: boolean): Promise<void> {
  const text = requestTexts([{ path: '/api/tenant/tenant-data', headers: { host } }])()
  const startedAt = performance.now()
  while (((await connection.send(text)) !== NOT_FOUND) !== isFound) {
    if (performance.now() - startedAt > 10_000) throw new Error('a change did not arrive')
    await sleep(1)
  }
}
