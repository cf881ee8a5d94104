import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Route } from '../../src/app/route.ts'
import { withClient } from '../../src/db/connect/with_client.ts'
import { accessFaults, hostFaults, probeAccess } from '../../src/testing/sweeps/access.ts'
import { auditFaults } from '../../src/testing/sweeps/audit.ts'
import { isolationFaults } from '../../src/testing/sweeps/isolation.ts'
import { lifecycleFaults } from '../../src/testing/sweeps/lifecycle.ts'
import { ownConnectionFaults } from '../../src/testing/sweeps/own_connections.ts'
import { publicReplyFaults } from '../../src/testing/sweeps/public_replies.ts'
import { replyFaults } from '../../src/testing/sweeps/replies.ts'
import { lintFaults, schemaRecord, tenantlessFaults } from '../../src/testing/sweeps/schema.ts'
import { secretFaults } from '../../src/testing/sweeps/secrets.ts'
import { countStatements, statementTable } from '../../src/testing/sweeps/statements.ts'
import { createWorld, nameOf, type World } from '../../src/testing/sweeps/world/world.ts'
import { app } from '../fixtures/app/app.ts'
import { type DatabaseUrls, onMigratedDatabase } from '../fixtures/databases.ts'
import { mutants } from './sweep_mutants.ts'

// One world for all tests: each sweeps its own route.
let world: World
beforeAll(async () => {
  const routes = [...app.routes, ...Object.values(mutants)]
  const bodies = { 'POST /api/halves': () => ({ name: 'half' }) }
  world = await createWorld({ ...app, routes }, { bodies, settings: { METRICS_PORT: '0' } })
})
afterAll(() => world.close())

const only = (route: Route): World => ({ ...world, routes: [route] })

// Creates as the app does, and replies with another Location.
function withLocation(location: string): World {
  const { tenant } = world.a
  const send: typeof tenant.send = async (request) => {
    const reply = await tenant.send(request)
    return reply.status === 201 ? { ...reply, headers: { ...reply.headers, location } } : reply
  }
  const creator = world.routes.filter((it) => it.path === '/api/projects' && it.method === 'POST')
  return { ...world, routes: creator, a: { ...world.a, tenant: { ...tenant, send } } }
}

async function faultsOf(sweep: (world: World) => Promise<string[]>, route: Route): Promise<string> {
  const faults = await sweep(only(route))
  expect(faults.filter((it) => !it.startsWith(nameOf(route)))).toEqual([])
  return faults.join('\n')
}

test.each(['shownToAll', 'shownInPost'] as const)(
  'the public sweep finds a public route that shows rows: %s',
  async (name) => {
    expect(await faultsOf(publicReplyFaults, mutants[name])).toContain('shows rows of projects')
  },
)

test('the access sweep finds a route of APP_HOST at the host of a tenant', async () => {
  const shown = world.routes.find((it) => nameOf(it) === 'GET /api/branding')
  expect(shown).toBeDefined()
  const moved = { ...(shown as Route), access: 'base' }
  expect(await faultsOf(hostFaults, moved)).toContain(
    'answers 200 at the host of a tenant, not 404',
  )
})

describe('the isolation sweep finds a route that', () => {
  test('looks up an id of its path past row-level security', async () => {
    expect(await faultsOf(isolationFaults, mutants.byPath)).toContain(
      '/api/projects of another tenant answers 200',
    )
  })

  test('looks up an id of its body past row-level security, however deep', async () => {
    expect(await faultsOf(isolationFaults, mutants.byBody)).toContain(
      'another tenant in the body answers 200',
    )
  })

  test('looks up an id of its query past row-level security', async () => {
    expect(await faultsOf(isolationFaults, mutants.byQuery)).toContain(
      '?project_id= with a value of another tenant',
    )
  })

  test('lets the client name the tenant', async () => {
    expect(await faultsOf(isolationFaults, mutants.byName)).toContain(
      'naming another tenant answers 200',
    )
  })

  test('replies from a cache that tenants share', async () => {
    expect(await faultsOf(isolationFaults, mutants.caching)).toMatch(/shows another tenant's \S/)
  })

  test("changes another tenant's rows while it answers 404", async () => {
    expect(await faultsOf(isolationFaults, mutants.quiet)).toContain(
      "changed another tenant's rows in projects",
    )
  })

  test("accepts another tenant's token", async () => {
    const { tenant, admin } = world.b
    // Replies like a server that does not compare the token's tenant with the host's.
    const careless = {
      ...tenant,
      send: (it: object) => tenant.send({ path: '/', ...it, user: admin }),
    }
    const routes = world.routes.filter((it) => it.path === '/api/projects' && it.method === 'GET')
    const faults = await isolationFaults({ ...world, routes, b: { ...world.b, tenant: careless } })
    expect(faults).toEqual(["GET /api/projects: accepts another tenant's token (200)"])
  })
})

describe('the access sweep finds a route that', () => {
  test('admits a user that its access excludes', async () => {
    const claimed = { ...mutants.open, access: 'projects:delete' }
    const faults = accessFaults(world, await probeAccess(only(mutants.open)), [claimed])
    expect(faults).toContain('GET /api/open: anonymous is permitted but must not be')
    expect(faults).toContain('GET /api/open: operator is permitted but must not be')
  })

  test('excludes a user that its access admits', async () => {
    const shut = only(mutants.shut)
    const faults = accessFaults(shut, await probeAccess(shut))
    expect(faults).toContain('GET /api/shut: operator is rejected but must be permitted')
  })
})

test('the statements sweep shows a route that sends a query for each row', async () => {
  const slow = only(mutants.slow)
  const table = statementTable(slow, await countStatements(slow))
  // The list, and one for each member: those of a role, the spare, and the one that bodies refer to.
  const members = Object.keys(world.a.users).length + 2
  expect(table).toContain(`| GET /api/slow | ${1 + members} |`)
})

describe('the connections sweep finds a route that queries past its database scope', () => {
  test('on a connection that it opens', async () => {
    expect(await faultsOf(ownConnectionFaults, mutants.quiet)).toMatch(
      /^PATCH \S+: queries PostgreSQL on its own connection \(application_name \(none\)\); use ctx\.db instead$/,
    )
  })

  test('on a connection that was open before', async () => {
    for (const _ of ['opened', 'open']) {
      expect(await faultsOf(ownConnectionFaults, mutants.pooled)).toContain(
        '(application_name reports)',
      )
    }
  })
})

describe('the replies sweep finds a reply', () => {
  test('that does not match its schema', async () => {
    expect(await faultsOf(replyFaults, mutants.odd)).toContain('200 is not as described')
  })

  test('of a status that is not described', async () => {
    expect(await faultsOf(replyFaults, mutants.teapot)).toContain('status 409 is not described')
  })
})

describe('the audit sweep finds', () => {
  test('a write whose row names another action', async () => {
    const faults = await auditFaults(only({ ...mutants.deed, audit: 'deeds.done' }))
    expect(faults.join('\n')).toMatch(/^POST \/api\/deeds: the audit log has .*projects.update/)
  })

  test('a read that writes', async () => {
    expect(await faultsOf(auditFaults, mutants.counter)).toContain('a read changed projects')
  })

  test('a row with another actor', async () => {
    const { asAnother } = mutants
    const faults = await faultsOf(auditFaults, asAnother)
    expect(faults).toContain('POST /api/deeds/of-another: the audit log has ')
    expect(faults).toContain(world.b.spare.id)
  })

  test('a public write without a row', async () => {
    expect(await faultsOf(auditFaults, mutants.inbox)).toContain('changed projects without a row')
  })
})

describe('the lifecycle sweep finds', () => {
  test('an item that still exists after its deletion', async () => {
    expect(await faultsOf(lifecycleFaults, mutants.undead)).toContain(
      'answers 204 for an item that DELETE',
    )
  })

  // AUTHZ-4
  test('a child that is found under another parent', async () => {
    const { a } = world
    const ids = new Map(a.ids).set('/api/projects/:project_id/members', a.spare.id)
    const faults = await lifecycleFaults({ ...only(mutants.anyParent), a: { ...a, ids } })
    expect(faults.join()).toContain('finds an item under another item of /api/projects (200)')
  })

  test.each([
    ['to another host', () => 'https://evil.test/api/projects/1'],
    ['to another list', () => `/api/members/${world.a.spare.id}`],
  ])('a Location that leads %s', async (_, location) => {
    expect(await lifecycleFaults(withLocation(location()))).toEqual([
      `POST /api/projects: Location leads to ${location()}; reply with the id of the row that the handler created`,
    ])
  })

  test.each([
    ['to nothing', () => randomUUID()],
    ['to an item of another tenant', () => world.b.ids.get('/api/projects') ?? ''],
  ])('a Location that leads %s', async (_, id) => {
    const location = `/api/projects/${id()}`
    const [fault, ...others] = await lifecycleFaults(withLocation(location))
    expect(others).toEqual([])
    expect(fault).toMatch(
      /: Location leads to \S+, which answers 404; reply with the id of the row/,
    )
  })

  test('a create that accepts a bad body', async () => {
    expect(await faultsOf(lifecycleFaults, mutants.half)).toContain(
      'a bad body answers 201 and changes projects',
    )
  })
})

test('the secrets sweep finds a secret in a reply, a log line, a metric and a row', async () => {
  const { echo, crash, coded, note } = mutants
  const faults = await secretFaults({ ...world, routes: [echo, crash, coded, note] })
  expect(faults).toContain('metric tenantry_problems_total: holds a secret or an e-mail')
  expect(faults).toContain('GET /api/echo: its reply repeats a secret')
  expect(faults).toContain('table tenantry.audit_logs: a row holds a secret')
  expect(faults.join('\n')).toMatch(/log line ".*": holds a secret/)
})

test('the secrets sweep finds a secret in a mail to another address', async () => {
  const { api, b } = world
  const { mailsTo } = api
  const mailsWithPassword = async (email: string, count?: number) => [
    ...(await mailsTo(email, count)),
    { to: email, subject: 'Welcome', text: `Your password is ${b.admin.password}`, html: '' },
  ]
  const faults = await secretFaults({
    ...world,
    routes: [],
    api: { ...api, mailsTo: mailsWithPassword },
  })
  expect(faults).toContain('mail "Welcome": holds a secret')
})

test('the schema sweeps find an open table, a wide policy, a changed key and a lost policy', async () => {
  await onMigratedDatabase(async (urls) => {
    const faults = async () =>
      [...(await lintFaults(app, urls)), ...(await tenantlessFaults(app, urls))].join('\n')
    expect(await faults()).toBe('')
    const before = await schemaRecord(urls)
    await mutate(
      urls,
      'create table notes (tenant_id uuid not null, id uuid, primary key (tenant_id, id))',
    )
    await mutate(urls, 'grant select, insert on notes to tenantry_app')
    expect(await faults()).toMatch(
      /L1 notes: .*\n?[\s\S]*app notes: accepts a row without a tenant/,
    )
    await mutate(urls, 'drop table notes')
    await mutate(urls, 'create policy wide on projects for select to tenantry_app using (true)')
    expect(await faults()).toMatch(/L3 projects \(wide\): /)
    await mutate(urls, 'drop policy wide on projects')
    expect(await schemaRecord(urls)).toBe(before)
    await mutate(urls, 'alter table projects drop constraint projects_tenant_fkey')
    const recorded = async () => (await schemaRecord(urls)).split('\n')
    expect(await recorded()).not.toContain(expect.stringContaining('projects_tenant_fkey'))
    await mutate(urls, 'create unique index projects_names on projects (name)')
    expect(await recorded()).toContain('- projects: UNIQUE INDEX projects_names USING btree (name)')
    await mutate(urls, 'create sequence project_numbers')
    expect(await recorded()).toContain('- project_numbers: on its own')
    await mutate(urls, 'alter table projects add number int generated always as identity')
    expect(await recorded()).toContain('- projects_number_seq: of projects.number')
    const exclusion = 'exclude using btree (name with =)'
    await mutate(urls, `alter table projects add constraint once ${exclusion}`)
    expect(await recorded()).toContain('- projects: once EXCLUDE USING btree (name WITH =)')
  })
})

async function mutate({ owner }: DatabaseUrls, statement: string): Promise<void> {
  await withClient(owner, (client) => client.query(statement))
}
