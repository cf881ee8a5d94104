// What a transaction costs on Citus: latency and CPU of PostgreSQL against the same transactions on a PostgreSQL
// without it, on the machine that this runs on. The rounds of both alternate.
// Usage: TEST_CITUS_URL=... TEST_DB_URL=... npx tsx scripts/citus/price.ts [rounds], with the DSNs of superusers
import { join } from 'node:path'
import { median } from '../../bench/src/statistics.ts'
import { loadCommandConfig } from '../../packages/server/src/config/config.ts'
import { databaseOf, withDatabase } from '../../packages/server/src/db/connect/dsn.ts'
import { openDatabase } from '../../packages/server/src/db/open_database.ts'
import type { RoleUrls } from '../../packages/server/src/db/provisioning/roles.ts'
import { openTemporaryDatabase } from '../../packages/server/src/db/provisioning/temporary_database.ts'
import { createCitusDatabase, distribute } from '../../packages/server/test/citus/citus_database.ts'
import { type CpuTimes, cpuSince, cpuTimesOf } from './server_cpu.ts'
import { makeTenants, type Tenant, transactions } from './transactions.ts'

const migrations = join(import.meta.dirname, '../../starter/migrations')
const PER_ROUND = 300

interface Contender {
  database: ReturnType<typeof openDatabase>['database']
  tenants: Tenant[]
  /** The DSNs of the superuser at each of its servers, the one that is connected to first. */
  servers: string[]
}

/** Of one transaction: milliseconds, and CPU in microseconds of the server that is connected to, and of all. */
interface Round {
  p50: number
  first: number
  all: number
}

const { TEST_CITUS_URL: citusUrl, TEST_DB_URL: plainUrl } = process.env
if (citusUrl === undefined || plainUrl === undefined) {
  throw new Error('set TEST_CITUS_URL and TEST_DB_URL')
}
const rounds = Number(process.argv[2] ?? 15)

const citus = await createCitusDatabase(citusUrl, migrations)
const plain = await openTemporaryDatabase(migrations, plainUrl)
const closing: (() => Promise<void>)[] = [citus.drop, plain.stop]
try {
  await distribute(citus.admin)
  const contenders = {
    citus: await open(citus.urls, [citus.admin, ...citus.workers]),
    plain: await open(plain.urls, [withDatabase(plainUrl, databaseOf(plain.urls.app))]),
  }
  for (const [name, run] of Object.entries(transactions)) {
    const results = { citus: [] as Round[], plain: [] as Round[] }
    for (let at = -1; at < rounds; at++) {
      // The one that goes first changes, and the first round warms up.
      const order = at % 2 === 0 ? (['citus', 'plain'] as const) : (['plain', 'citus'] as const)
      for (const it of order) {
        const round = await measure(contenders[it], run)
        if (at >= 0) results[it].push(round)
      }
    }
    console.log(textOf(name, results))
  }
} finally {
  for (const close of closing.reverse()) await close()
}

async function open(urls: RoleUrls, servers: string[]): Promise<Contender> {
  const { app: DB_URL, identity: DB_IDENTITY_URL } = urls
  const config = loadCommandConfig({ DB_URL, DB_IDENTITY_URL })
  const opened = openDatabase(config, (error) => console.error(error.message))
  closing.push(opened.close)
  await opened.loadTenantTables()
  const tenants = await makeTenants(servers[0] ?? '', opened.database)
  return { database: opened.database, tenants, servers }
}

async function measure(
  { database, tenants, servers }: Contender,
  run: (typeof transactions)[keyof typeof transactions],
): Promise<Round> {
  const before = await Promise.all(servers.map(cpuTimesOf))
  const times: number[] = []
  for (let at = 0; at < PER_ROUND; at++) {
    const tenant = tenants[at % tenants.length]
    if (tenant === undefined) throw new Error('there is no tenant')
    const startedAt = performance.now()
    await run(database, tenant)
    times.push(performance.now() - startedAt)
  }
  const after = await Promise.all(servers.map(cpuTimesOf))
  const used = after.map((it, at) => cpuSince(before[at] as CpuTimes, it) / PER_ROUND)
  const [first = Number.NaN] = used
  return { p50: median(times), first, all: used.reduce((sum, it) => sum + it, 0) }
}

function textOf(name: string, { citus, plain }: { citus: Round[]; plain: Round[] }): string {
  const ratio = (of: keyof Round, to = of) =>
    `${median(citus.map((it, at) => it[of] / (plain[at]?.[to] ?? Number.NaN))).toFixed(2)} x`
  const value = (from: Round[], of: keyof Round) => median(from.map((it) => it[of]))
  return [
    `${name}: latency ${ratio('p50')}, CPU of all servers ${ratio('all')}, of the coordinator ${ratio('first', 'all')}`,
    `  citus p50 ${value(citus, 'p50').toFixed(2)} ms, CPU ${value(citus, 'all').toFixed(0)} us, coordinator ${value(citus, 'first').toFixed(0)} us`,
    `  plain p50 ${value(plain, 'p50').toFixed(2)} ms, CPU ${value(plain, 'all').toFixed(0)} us`,
  ].join('\n')
}
