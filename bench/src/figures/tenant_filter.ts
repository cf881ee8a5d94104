import { isDataPlane } from '../../../packages/server/src/db/tenant_filter/tenant_tables.ts'
import type { Bench } from '../bench.ts'
import { cpuAgainst, evenLoad, writingLoad } from '../contest.ts'
import { asSuperuser } from '../database.ts'
import type { Figure } from '../figure.ts'
import type { LoadRequest } from '../load_job.ts'
import { type BenchTenant, createProject, makeTenant } from '../tenants.ts'

export const filterRead: Figure = {
  name: 'filter-read',
  what: 'GET /api/projects/:id with the tenant filter: CPU per request against the same server that knows no table of the data plane, and so adds none',
  target: { atMost: 1.03 },
  unit: ' x',
  measure: (bench) =>
    measureFilter(bench, evenLoad, async (port, tenant) => ({
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
    measureFilter(bench, writingLoad, async (_, { headers }) => ({
      method: 'POST',
      path: '/api/projects',
      headers,
      body: JSON.stringify({ name: 'Project {random}' }),
    })),
}

async function measureFilter(
  bench: Bench,
  load: typeof evenLoad,
  requestOf: (port: number, tenant: BenchTenant) => Promise<LoadRequest>,
) {
  const database = await bench.openDatabase()
  const server = await bench.startApp({}, database)
  const tenant = await makeTenant(database, server.port)
  const request = await requestOf(server.port, tenant)
  // A server reads the list of tables once, at its start.
  await asSuperuser(database, forgetDataPlane)
  const other = { name: 'without the filter', server: await bench.startApp({}, database) }
  return cpuAgainst(await bench.startLoader(), { requests: [request], server, other }, load)
}

const forgetDataPlane = `
  do $$
  declare
    policy record;
  begin
    for policy in select polname, polrelid::regclass as name from pg_policy p where ${isDataPlane('p')} loop
      execute format('comment on policy %I on %s is null', policy.polname, policy.name);
    end loop;
  end $$`
