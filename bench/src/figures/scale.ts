import type { TemporaryDatabase } from '../../../packages/server/src/db/provisioning/temporary_database.ts'
import { type Bench, below } from '../bench.ts'
import { fillTenants, MEMBERS_EACH, openBigDatabase } from '../big_database.ts'
import { type Contender, contest, evenLoad, ratioOf, resultText } from '../contest.ts'
import type { Figure } from '../figure.ts'
import { openSessions } from '../sessions.ts'

const SMALL = 10
/** The same number of sessions for both databases: with more of one, its caches would make the difference. */
const SESSIONS = SMALL * MEMBERS_EACH
/** For a note: more sessions, each in a tenant of its own. */
const MORE_SESSIONS = 500

export const scale: Figure = {
  name: 'scale',
  what: `p50 of authorised reads and of project reads with 1,000,000 tenants and 5,000,000 members against ${SMALL} tenants, ${SESSIONS} sessions each; the worse of the two ratios`,
  target: { atMost: 1.15 },
  unit: ' x',
  async measure(bench) {
    const { tenants } = bench.scale
    const small = await openBigDatabase(bench.database, SMALL, () => {})
    await fillTenants(small, SMALL, () => {})
    const few = await openSide(bench, small)
    const many = await openSide(bench, await bench.bigDatabase())
    const sides = [await few(SESSIONS), await many(SESSIONS), await many(MORE_SESSIONS)]
    const loader = await bench.startLoader()
    const reads = await contest(
      loader,
      sides.map((it) => it.reads),
    )
    const projects = await contest(
      loader,
      sides.map((it) => it.projects),
    )
    const [authorised, project] = [ratiosOf(reads), ratiosOf(projects)]
    return {
      value: Math.max(authorised.same, project.same),
      at: below(tenants, 'tenants'),
      notes: [
        `${tenants} tenants with ${MEMBERS_EACH} members each`,
        `authorised reads ${authorised.text}; project reads ${project.text}`,
        ...textsOf('authorised reads', tenants, reads),
        ...textsOf('project reads', tenants, projects),
      ],
    }
  },
}

interface Side {
  reads: Contender
  projects: Contender
}

/** Starts a server on a database. Returns a function that opens sessions of random members. */
async function openSide(
  bench: Bench,
  database: TemporaryDatabase,
): Promise<(count: number) => Promise<Side>> {
  const server = await bench.startApp({}, database)
  return async (count) => {
    const sessions = await openSessions(database, bench.secret, members(count))
    const of = (pathOf: (tenantId: string) => string): Contender => ({
      name: `${count} sessions`,
      server,
      job: {
        ...evenLoad,
        requests: sessions.map(({ tenantId, headers }) => ({ path: pathOf(tenantId), headers })),
      },
    })
    // Each tenant's project has the tenant's id.
    return {
      reads: of(() => '/api/tenant/tenant-data'),
      projects: of((it) => `/api/projects/${it}`),
    }
  }
}

// All members of the small database; of the big one as many tenants as members.
function members(count: number): string {
  return `select m.tenant_id, m.user_id
    from (select id from tenantry.tenants order by random() limit ${count}) t
    join tenantry.members m on m.tenant_id = t.id
    order by row_number() over (partition by m.tenant_id) limit ${count}`
}

type Results = Awaited<ReturnType<typeof contest>>

function ratiosOf([few = [], many = [], more = []]: Results) {
  const same = ratioOf('p50', many, few)
  const larger = ratioOf('p50', more, few)
  const text = `${same.toFixed(2)} x (${larger.toFixed(2)} x with ${MORE_SESSIONS} sessions against ${SESSIONS})`
  return { same, text }
}

function textsOf(what: string, tenants: number, [few = [], many = [], more = []]: Results) {
  return [
    resultText(`${what}, ${SMALL} tenants, ${SESSIONS} sessions`, few),
    resultText(`${what}, ${tenants} tenants, ${SESSIONS} sessions`, many),
    resultText(`${what}, ${tenants} tenants, ${MORE_SESSIONS} sessions`, more),
  ]
}
