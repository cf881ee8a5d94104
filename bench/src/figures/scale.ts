import type { TemporaryDatabase } from '../../../packages/server/src/db/provisioning/temporary_database.ts'
import { type Bench, below } from '../bench.ts'
import { MEMBERS_EACH, openBigDatabase } from '../big_database.ts'
import { type Contender, contest, evenLoad, ratioOf, showingText } from '../contest.ts'
import type { Figure } from '../figure.ts'
import { openSessions } from '../sessions.ts'

const SMALL = 10
/** As many sessions of either database: were it more of one, its caches would make the difference. */
const ASKED = SMALL * MEMBERS_EACH
/** Beside the figure: what it costs to ask more of them, each in a tenant of its own. */
const ASKED_BESIDE = 500

export const scale: Figure = {
  name: 'scale',
  what: `p50 of authorised reads and of project reads with 1,000,000 tenants and 5,000,000 members against ${SMALL} tenants, ${ASKED} sessions of either, the worse of the two`,
  mustReach: { atMost: 1.15 },
  unit: ' x',
  async measure(bench) {
    const { tenants } = bench.scale
    const few = await openSide(bench, await openBigDatabase(bench.database, SMALL, () => {}))
    const many = await openSide(bench, await bench.bigDatabase())
    const sides = [await few(ASKED), await many(ASKED), await many(ASKED_BESIDE)]
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

/** Starts a server on a database; what it gives opens sessions of members from all over that. */
async function openSide(
  bench: Bench,
  database: TemporaryDatabase,
): Promise<(asked: number) => Promise<Side>> {
  const server = await bench.startApp({}, database)
  return async (asked) => {
    const sessions = await openSessions(database, bench.secret, members(asked))
    const of = (pathOf: (tenantId: string) => string): Contender => ({
      name: `${asked} sessions`,
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

// Of the small database all there are, of the big one as many tenants as members.
function members(asked: number): string {
  return `select m.tenant_id, m.user_id
    from (select id from tenantry.tenants order by random() limit ${asked}) t
    join tenantry.members m on m.tenant_id = t.id
    order by row_number() over (partition by m.tenant_id) limit ${asked}`
}

type Showings = Awaited<ReturnType<typeof contest>>

function ratiosOf([few = [], many = [], beside = []]: Showings) {
  const same = ratioOf('p50', many, few)
  const more = ratioOf('p50', beside, few)
  const text = `${same.toFixed(2)} x (${more.toFixed(2)} x with ${ASKED_BESIDE} sessions against ${ASKED})`
  return { same, text }
}

function textsOf(what: string, tenants: number, [few = [], many = [], beside = []]: Showings) {
  return [
    showingText(`${what}, ${SMALL} tenants, ${ASKED} sessions`, few),
    showingText(`${what}, ${tenants} tenants, ${ASKED} sessions`, many),
    showingText(`${what}, ${tenants} tenants, ${ASKED_BESIDE} sessions`, beside),
  ]
}
