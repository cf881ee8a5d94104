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
const ROUNDS = 7
const LOOK_UPS = 3_000

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
      const ratios: Record<Kind, number[]> = { subdomain: [], domain: [] }
      const times: Record<keyof typeof sides, number[]> = { few: [], many: [] }
      for (let round = 0; round <= ROUNDS; round++) {
        for (const kind of kinds) {
          const [first, second] = [await sides.few.p50(kind), await sides.many.p50(kind)]
          // The first round warms up.
          if (round === 0) continue
          ratios[kind].push(second / first)
          times.few.push(first)
          times.many.push(second)
        }
      }
      return {
        value: Math.max(...kinds.map((it) => median(ratios[it]))),
        at: below(tenants, 'tenants'),
        notes: [
          `by subdomain ${median(ratios.subdomain).toFixed(2)} x, by domain ${median(ratios.domain).toFixed(2)} x`,
          `p50 of all: ${median(times.few).toFixed(3)} ms with ${SMALL}, ${median(times.many).toFixed(3)} ms with ${tenants}`,
        ],
      }
    } finally {
      await Promise.all(Object.values(sides).map((it) => it.close()))
    }
  },
}

function openSide(database: TemporaryDatabase, tenants: number) {
  const opened = openDatabase(configOf(database), () => {})
  return {
    close: opened.close,
    /** Milliseconds, of look-ups one after the other. */
    async p50(kind: Kind): Promise<number> {
      const times: number[] = []
      for (let n = 0; n < LOOK_UPS; n++) {
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
