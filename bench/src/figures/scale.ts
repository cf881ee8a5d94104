import type { TemporaryDatabase } from '../../../packages/server/src/db/temporary_database.ts'
import { type Bench, below } from '../bench.ts'
import { MEMBERS_EACH, openBigDatabase } from '../big_database.ts'
import { type Contender, contest, evenLoad, ratioOf, showingText } from '../contest.ts'
import type { Figure } from '../figure.ts'
import { openSessions } from '../sessions.ts'

const SMALL = 10
/** Requests go to so many tenants of the big database, from all over it. */
const ASKED = 500

export const scale: Figure = {
  name: 'scale',
  what: 'p50 of authorised reads and of project reads with 1,000,000 tenants and 5,000,000 members against 10 tenants, the worse of the two',
  mustReach: { atMost: 1.15 },
  unit: ' x',
  async measure(bench) {
    const { tenants } = bench.scale
    const small = await openBigDatabase(bench.database, SMALL, () => {})
    const [few, many] = [
      await contenders(bench, small, SMALL),
      await contenders(bench, await bench.bigDatabase(), ASKED),
    ]
    const loader = await bench.startLoader()
    const reads = await contest(loader, [few.reads, many.reads])
    const projects = await contest(loader, [few.projects, many.projects])
    const ratios = [reads, projects].map(([a = [], b = []]) => ratioOf('p50', b, a))
    const texts = (what: string, [a = [], b = []]: typeof reads) => [
      showingText(`${what}, ${SMALL} tenants`, a),
      showingText(`${what}, ${tenants} tenants`, b),
    ]
    return {
      value: Math.max(...ratios),
      at: below(tenants, 'tenants'),
      notes: [
        `${tenants} tenants with ${MEMBERS_EACH} members each; requests to ${ASKED} of them`,
        `authorised reads ${ratios[0]?.toFixed(2)} x, project reads ${ratios[1]?.toFixed(2)} x`,
        ...texts('authorised reads', reads),
        ...texts('project reads', projects),
      ],
    }
  },
}

async function contenders(
  bench: Bench,
  database: TemporaryDatabase,
  tenants: number,
): Promise<{ reads: Contender; projects: Contender }> {
  const server = await bench.startApp({}, database)
  const sessions = await openSessions(
    database,
    bench.secret,
    `select distinct on (m.tenant_id) m.tenant_id, m.user_id
      from (select id from tenantry.tenants order by random() limit ${tenants}) t
      join tenantry.members m on m.tenant_id = t.id`,
  )
  const to = (pathOf: (tenantId: string) => string) =>
    sessions.map(({ tenantId, headers }) => ({ path: pathOf(tenantId), headers }))
  const of = (pathOf: (tenantId: string) => string): Contender => ({
    name: `${tenants} tenants`,
    server,
    job: { ...evenLoad, requests: to(pathOf) },
  })
  // Each tenant's project has the tenant's id.
  return { reads: of(() => '/api/tenant/tenant-data'), projects: of((it) => `/api/projects/${it}`) }
}
