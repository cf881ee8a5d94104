import { isDataPlane } from '../../../packages/server/src/db/tenant_filter/tenant_tables.ts'
import type { Bench } from '../bench.ts'
import { contest, resultText, writingLoad } from '../contest.ts'
import { asSuperuser } from '../database.ts'
import type { Figure, Measured } from '../figure.ts'
import type { LoadRequest } from '../load_job.ts'
import { median } from '../statistics.ts'
import { type BenchTenant, createProject, makeTenant } from '../tenants.ts'

export const filterRead: Figure = {
  name: 'filter-read',
  what: 'GET /api/projects/:id with the tenant filter: CPU per request against the same server that knows no table of the data plane, and so adds none',
  target: { atMost: 1.03 },
  unit: ' x',
  measure: (bench) =>
    measureFilter(bench, async (port, tenant) => ({
      path: await createProject(port, tenant),
      headers: tenant.headers,
    })),
}

export const filterCreate: Figure = {
  name: 'filter-create',
  what: 'POST /api/projects with the tenant filter, against the same server without',
  target: { atMost: 1.03 },
  unit: ' x',
  measure: (bench) =>
    measureFilter(bench, async (_, { headers }) => ({
      method: 'POST',
      path: '/api/projects',
      headers,
      body: JSON.stringify({ name: 'Project {random}' }),
    })),
}

// Of two equal servers the one that started first may cost some percent more: the outer two of four have the
// filter. The rate is one that none of them makes the machine busy with.
async function measureFilter(
  bench: Bench,
  requestOf: (port: number, tenant: BenchTenant) => Promise<LoadRequest>,
): Promise<Measured> {
  const database = await bench.openDatabase()
  const start = () => bench.startApp({}, database)
  const first = await start()
  const tenant = await makeTenant(database, first.port)
  const requests = [await requestOf(first.port, tenant)]
  // A server reads the list of tables once, at its start.
  const policies = await asSuperuser<{ policy: string }>(database, dataPolicies)
  await asSuperuser(database, ...commentsOn(policies, 'null'))
  const [second, third] = [await start(), await start()]
  await asSuperuser(database, ...commentsOn(policies, "'tenantry: data plane'"))
  const job = { ...writingLoad, requests }
  const contenders = [
    { name: 'with the filter', server: first, job },
    { name: 'without', server: second, job },
    { name: 'without', server: third, job },
    { name: 'with the filter', server: await start(), job },
  ]
  const rounds = await contest(await bench.startLoader(), contenders)
  const cpu = (at: number, round: number) => rounds[at]?.[round]?.cpuPerRequest ?? Number.NaN
  const ratios = (rounds[0] ?? []).map(
    (_, round) => (cpu(0, round) + cpu(3, round)) / (cpu(1, round) + cpu(2, round)),
  )
  return {
    value: median(ratios),
    notes: contenders.map(({ name }, at) => resultText(name, rounds[at] ?? [])),
  }
}

const dataPolicies = `
  select format('%I on %s', polname, polrelid::regclass) as policy from pg_policy p where ${isDataPlane('p')}`

const commentsOn = (policies: { policy: string }[], text: string) =>
  policies.map(({ policy }) => `comment on policy ${policy} is ${text}`)
