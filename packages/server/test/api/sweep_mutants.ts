import { sql } from 'kysely'
import pg from 'pg'
import { z } from 'zod'
import { withClient } from '../../src/db/connect/with_client.ts'
import { AppError } from '../../src/lib/errors.ts'
import { newId } from '../../src/lib/ids.ts'
import { del, get, patch, post } from '../fixtures/app/policy.ts'
import { sharedDatabase } from '../fixtures/databases.ts'

const Id = z.object({ id: z.uuid() })
const Row = z.object({ name: z.string() })
const Rows = z.object({ items: z.array(Row) })

// Reads as the superuser, past row-level security: what a route must never do.
async function ofAllTenants(where: string, value: string): Promise<{ name: string }[]> {
  return withClient(sharedDatabase().admin, async (client) => {
    const { rows } = await client.query(`select name from projects where ${where} = $1`, [value])
    return rows
  })
}

async function oneOfAnyTenant(id: string): Promise<{ name: string }> {
  const [found] = await ofAllTenants('id', id)
  if (found === undefined) throw new AppError('not_found', 'resource.none', 'There is none')
  return found
}

let pool: pg.Pool | undefined

// As an app might that brings its own pool.
async function pooled(): Promise<{ name: string }[]> {
  pool ??= new pg.Pool({
    connectionString: sharedDatabase().admin,
    application_name: 'reports',
    allowExitOnIdle: true,
  })
  const { rows } = await pool.query('select name from projects limit 1')
  return rows
}

const reads = { access: 'projects:read', summary: 'A mutant' } as const
const writes = { access: 'projects:update', summary: 'A mutant' } as const

let cached: { items: { name: string }[] } | undefined

/** Faulty routes, each with one hole that a sweep has to find. */
export const mutants = {
  byPath: get('/api/projects/:id/raw', {
    ...reads,
    params: Id,
    reply: Row,
    handle: (_, { params }) => oneOfAnyTenant(params.id),
  }),
  byBody: post('/api/reports', {
    ...writes,
    body: z.strictObject({ about: z.strictObject({ project_ids: z.array(z.uuid()) }) }),
    reply: Row,
    handle: (_, { body }) => oneOfAnyTenant(body.about.project_ids[0] ?? ''),
  }),
  shownToAll: get('/api/status', {
    access: 'public',
    summary: 'A mutant',
    reply: Rows,
    handle: async ({ tenant }) => ({ items: await ofAllTenants('tenant_id', tenant.id) }),
  }),
  byQuery: get('/api/found', {
    ...reads,
    query: z.object({ project_id: z.uuid().optional() }),
    reply: Rows,
    handle: async (_, { query }) => ({
      items: query.project_id === undefined ? [] : await ofAllTenants('id', query.project_id),
    }),
  }),
  byName: get('/api/any-tenant', {
    ...reads,
    query: z.object({ tenant_id: z.string().optional() }),
    reply: Rows,
    handle: async (_, { query }) => ({
      items: query.tenant_id === undefined ? [] : await ofAllTenants('tenant_id', query.tenant_id),
    }),
  }),
  pooled: get('/api/pooled', {
    ...reads,
    reply: Rows,
    handle: async () => ({ items: await pooled() }),
  }),
  caching: get('/api/cached', {
    ...reads,
    reply: Rows,
    async handle({ db }) {
      cached ??= { items: await db.selectFrom('projects').select('name').execute() }
      return cached
    },
  }),
  quiet: patch('/api/projects/:id/quietly', {
    ...writes,
    params: Id,
    async handle(_, { params }) {
      await withClient(sharedDatabase().admin, (client) =>
        client.query("update projects set description = 'seen' where id = $1", [params.id]),
      )
      throw new AppError('not_found', 'resource.none', 'There is none')
    },
  }),
  open: get('/api/open', {
    ...reads,
    access: 'public',
    reply: Rows,
    handle: () => ({ items: [] }),
  }),
  shut: get('/api/shut', {
    ...reads,
    handle: () => {
      throw new AppError('forbidden', 'access.denied', 'Not you')
    },
  }),
  slow: get('/api/slow', {
    ...reads,
    async handle({ db }) {
      const rows = await db.selectFrom('tenantry.members').select('user_id').execute()
      for (const { user_id } of rows) await sql`select ${user_id}::text`.execute(db)
    },
  }),
  odd: get('/api/odd', {
    ...reads,
    reply: z.object({ id: z.uuid() }),
    handle: () => ({ id: 'not an id' }),
  }),
  teapot: get('/api/teapot', {
    ...reads,
    handle: () => {
      throw new AppError('conflict', 'tea.pot', 'A teapot')
    },
  }),
  deed: post('/api/deeds', { ...writes, handle: () => {} }),
  counter: get('/api/counter', {
    ...reads,
    // Through `db` the database would reject the write.
    async handle({ tenant }) {
      await touchProjects(tenant.id)
    },
  }),
  inbox: post('/api/inbox', {
    ...reads,
    access: 'public',
    async handle({ tenant }) {
      await touchProjects(tenant.id)
    },
  }),
  echo: get('/api/echo', {
    ...reads,
    query: z.object({ password: z.string().optional() }),
    reply: z.object({ password: z.string() }),
    handle: (_, { query }) => ({ password: query.password ?? '' }),
  }),
  crash: get('/api/crash', {
    ...reads,
    query: z.object({ refresh_token: z.string().optional() }),
    handle: (_, { query }) => {
      if (query.refresh_token !== undefined) throw new Error(`cannot use ${query.refresh_token}`)
    },
  }),
  coded: get('/api/coded', {
    ...reads,
    query: z.object({ password: z.string().optional() }),
    handle: (_, { query }) => {
      throw new AppError(
        'conflict',
        `password.${query.password}`,
        'The code of this problem is made of its input',
      )
    },
  }),
  note: post('/api/notes', {
    ...writes,
    query: z.object({ access_token: z.string().optional() }),
    handle: (ctx, { query }) => ctx.audit({ meta: { ...query } }),
  }),
  asAnother: post('/api/deeds/of-another', {
    ...writes,
    async handle({ db }) {
      await sql`
        insert into tenantry.audit_logs (action, actor_id)
        select 'projects.update', user_id from tenantry.members
        order by created_at desc limit 1`.execute(db)
    },
  }),
  shownInPost: post('/api/status/details', {
    access: 'public',
    summary: 'A mutant',
    reply: z.object({ text: z.string() }),
    handle: async ({ tenant }) => {
      const items = await ofAllTenants('tenant_id', tenant.id)
      return { text: items.map((it) => it.name).join(', ') }
    },
  }),
  inBatches: get('/api/batches', {
    ...reads,
    async handle({ db }) {
      const rows = await db.selectFrom('projects').select('id').execute()
      for (let at = 0; at < rows.length; at += 10) {
        const ids = rows.slice(at, at + 10).map((it) => it.id)
        await db.selectFrom('projects').select('name').where('id', 'in', ids).execute()
      }
    },
  }),
  undead: del('/api/undead/:id', { ...writes, params: Id, handle: () => {} }),
  anyParent: get('/api/projects/:project_id/members/:user_id', {
    ...reads,
    params: z.object({ project_id: z.uuid(), user_id: z.uuid() }),
    reply: Row,
    handle: ({ db }, { params }) =>
      db
        .selectFrom('tenantry.users')
        .select('full_name as name')
        .where('id', '=', params.user_id)
        .executeTakeFirstOrThrow(),
  }),
  half: post('/api/halves', {
    ...writes,
    status: 201,
    body: z.strictObject({ name: z.string() }).catch({ name: 'no name' }),
    reply: Id,
    handle: async ({ db }, { body }) => {
      const id = newId()
      await db
        .insertInto('projects')
        .values({ id, name: `${body.name} ${id}` })
        .execute()
      return { id }
    },
  }),
}

async function touchProjects(tenantId: string): Promise<void> {
  await withClient(sharedDatabase().admin, (client) =>
    client.query('update projects set updated_at = now() where tenant_id = $1', [tenantId]),
  )
}
