import { openDatabase } from '../../../packages/server/src/db/open_database.ts'
import type { TemporaryDatabase } from '../../../packages/server/src/db/provisioning/temporary_database.ts'
import { findTenant } from '../../../packages/server/src/tenancy/find_tenant.ts'
import type { HostMatch } from '../../../packages/server/src/tenancy/match_host.ts'
import { below } from '../bench.ts'
import { openBigDatabase } from '../big_database.ts'
import type { Figure } from '../figure.ts'
import { configOf } from '../jobs_database.ts'
import { median, quantile } from '../statistics.ts'

const SMALL = 10
const ROUNDS = 31
const LOOK_UPS = 500
/** A connection maps the pages of the shared buffers when it first reads them: this many look-ups read each page. */
const WARM_UPS = 60_000

const kinds = ['subdomain', 'domain'] as const
type Kind = (typeof kinds)[number]

export const hostLookup: Figure = {
  name: 'host-lookup',
  what: `p50 of looking up the tenant of a host in the database, by subdomain and by domain, with 1,000,000 tenants and as many domains against ${SMALL}; the worse of the two ratios`,
  target: { atMost: 1.15 },
  unit: ' x',
  async measure(bench) {
    const { tenants } = bench.scale
    const few = await openBigDatabase(bench.database, SMALL, () => {})
    const many = await bench.bigHosts()
    const sides = { few: openSide(few, SMALL), many: openSide(many, tenants) }
    try {
      const results = { subdomain: [], domain: [] } as Record<Kind, Round[]>
      for (const kind of kinds) {
        await sides.few.p50(kind, LOOK_UPS)
        await sides.many.p50(kind, WARM_UPS)
      }
      for (let round = 0; round < ROUNDS; round++) {
        for (const kind of kinds) results[kind].push(await measureRound(sides, kind, round))
      }
      const ratios = kinds.map((it) => median(results[it].map(({ few, many }) => many / few)))
      return {
        value: Math.max(...ratios),
        at: below(tenants, 'tenants'),
        notes: kinds.map((it, n) => noteOf(it, ratios[n], results[it], tenants)),
      }
    } finally {
      await Promise.all(Object.values(sides).map((it) => it.close()))
    }
  },
}

interface Round {
  few: number
  many: number
}

// The sides alternate in who is first: it finds the processor's caches as another kind of look-up left them.
async function measureRound(
  { few, many }: Record<'few' | 'many', Side>,
  kind: Kind,
  round: number,
): Promise<Round> {
  if (round % 2 === 0) {
    const first = await few.p50(kind, LOOK_UPS)
    return { few: first, many: await many.p50(kind, LOOK_UPS) }
  }
  const first = await many.p50(kind, LOOK_UPS)
  return { few: await few.p50(kind, LOOK_UPS), many: first }
}

function noteOf(kind: Kind, ratio: number | undefined, rounds: Round[], tenants: number): string {
  const p50 = (side: keyof Round) => (median(rounds.map((it) => it[side])) * 1_000).toFixed(0)
  return `by ${kind}: ${ratio?.toFixed(2)} x, ${p50('few')} us with ${SMALL} and ${p50('many')} us with ${tenants}`
}

type Side = ReturnType<typeof openSide>

function openSide(database: TemporaryDatabase, tenants: number) {
  const opened = openDatabase(configOf(database), () => {})
  return {
    close: opened.close,
    /** Milliseconds, of look-ups one after the other. */
    async p50(kind: Kind, lookUps: number): Promise<number> {
      const times: number[] = []
      for (let n = 0; n < lookUps; n++) {
        const host = hostOf(kind, 1 + Math.floor(Math.random() * tenants))
        const startedAt = performance.now()
        const found = await findTenant(opened.database, host, 'https://{tenant}.app.test')
        times.push(performance.now() - startedAt)
        if (found === undefined) throw new Error(`no tenant has the host ${host.key}`)
      }
      return quantile(times, 0.5)
    },
  }
}

function hostOf(kind: Kind, number: number): HostMatch {
  if (kind === 'subdomain') {
    const subdomain = `big-${number}`
    return { kind, subdomain, key: subdomain }
  }
  const domain = `big-${number}.example`
  return { kind, domain, key: `domain ${domain}` }
}
