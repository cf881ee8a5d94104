import { sql } from 'kysely'
import { z } from 'zod'
import type { Route } from '../../src/app/route.ts'
import { AppError, newId } from '../../src/index.ts'
import { del, get, patch, post } from '../fixtures/app/policy.ts'

const Name = z.string().min(1).max(200)
const Id = z.object({ project_id: z.uuid() })
const Rows = z.object({ items: z.array(z.object({ name: z.string() })) })
const reads = { access: 'projects:read', summary: 'A mutant' } as const
const writes = { access: 'projects:update', summary: 'A mutant' } as const
const named = { ...writes, body: z.strictObject({ name: Name }) }

/** A faulty route of an app, and the part of the message by which the sweep of inputs names its fault. */
export interface Mutant {
  route: Route
  fault: string
}

const remembered: string[] = []

/** Routes that use their inputs carelessly, each with what the sweep of inputs says. */
export const inputMutants: Record<string, Mutant> = {
  'sets the tenant from its input': {
    route: get('/api/m/workspace', {
      ...reads,
      query: z.object({ workspace: z.uuid().optional() }),
      reply: Rows,
      async handle({ db, tenant }, { query }) {
        const id = query.workspace ?? tenant.id
        const { rows } = await sql<{ name: string }>`
          select name from (select set_config('app.tenant_id', ${id}, true)) t, projects`.execute(
          db,
        )
        return { items: rows }
      },
    }),
    fault: 'sends a statement that sets or reads the tenant; leave that to ctx.db',
  },
  'calls the kernel to set the tenant': {
    route: post('/api/m/switch', {
      ...writes,
      handle: async ({ db, tenant }) => {
        await sql`select tenantry.set_tenant(${tenant.id})`.execute(db)
      },
    }),
    fault: 'sends a statement that sets or reads the tenant',
  },
  'reads the setting of the tenant': {
    route: get('/api/m/setting', {
      ...reads,
      handle: async ({ db }) => {
        await sql`select /* hidden */ "current_setting" ('app.tenant_id', true)`.execute(db)
      },
    }),
    fault: 'sends a statement that sets or reads the tenant',
  },
  'changes a setting by its view': {
    route: post('/api/m/view', {
      ...writes,
      handle: async ({ db }) => {
        await sql`update pg_settings set setting = setting where name = 'work_mem'`.execute(db)
      },
    }),
    fault: 'sends a statement that reads or changes settings of the session; remove it',
  },
  'changes its role': {
    route: post('/api/m/role', {
      ...writes,
      handle: async ({ db }) => {
        await sql`set role tenantry_app`.execute(db)
      },
    }),
    fault: 'sends a statement that is no query (set …)',
  },
  'locks a table': {
    route: post('/api/m/lock', {
      ...writes,
      handle: async ({ db }) => {
        await sql`lock table projects in share row exclusive mode`.execute(db)
      },
    }),
    fault: 'sends a statement that is no query (lock …)',
  },
  'takes a lock of the session': {
    route: post('/api/m/session-lock', {
      ...writes,
      handle: async ({ db }) => {
        await sql`select pg_advisory_lock(1), pg_advisory_unlock(1)`.execute(db)
      },
    }),
    fault: 'sends a statement that takes a lock of the session; use pg_advisory_xact_lock',
  },
  'ends its transaction': {
    route: post('/api/m/commit', {
      ...writes,
      handle: async ({ db }) => {
        await sql`COMMIT`.execute(db)
      },
    }),
    fault: 'sends a statement that is no query (commit …)',
  },
  'runs a text as SQL': {
    route: get('/api/m/xml', {
      ...reads,
      handle: async ({ db }) => {
        await sql`select query_to_xml('select 1', true, true, '')`.execute(db)
      },
    }),
    fault: 'sends a statement that runs a text as SQL; write the query itself',
  },
  'writes a query field into SQL': {
    route: get('/api/m/search', {
      ...reads,
      query: z.object({ q: Name.optional() }),
      reply: Rows,
      async handle({ db }, { query }) {
        const { rows } = await sql<{ name: string }>`
          select name from projects where name = ${sql.raw(`'${query.q ?? ''}'`)}`.execute(db)
        return { items: rows }
      },
    }),
    fault: '?q= is in the text of a statement; pass it as a parameter',
  },
  'writes a nested body field into SQL': {
    route: post('/api/m/nested', {
      ...writes,
      body: z.strictObject({ about: z.strictObject({ words: z.array(z.string()) }) }),
      handle: async ({ db }, { body }) => {
        const word = (body.about.words[0] ?? '').replaceAll("'", "''")
        await sql`select ${sql.raw(`'${word}'`)}`.execute(db)
      },
    }),
    fault: 'body /about/words/0 is in the text of a statement; pass it as a parameter',
  },
  'writes an id of its path into SQL': {
    route: get('/api/projects/:project_id/raw', {
      ...reads,
      params: Id,
      handle: async ({ db }, { params }) => {
        await sql`select from projects where id = ${sql.raw(`'${params.project_id}'`)}`.execute(db)
      },
    }),
    fault: ':project_id is in the text of a statement; pass it as a parameter',
  },
  'names a column by its input': {
    route: get('/api/m/sorted', {
      ...reads,
      query: z.object({ sort: Name.optional() }),
      handle: async ({ db }, { query }) => {
        await sql`select from projects order by ${sql.ref(query.sort ?? 'name')}`.execute(db)
      },
    }),
    fault: '?sort= is in the text of a statement',
  },
  'fails on a quote': {
    route: get('/api/m/quote', {
      ...reads,
      query: z.object({ q: Name.optional() }),
      handle: (_, { query }) => {
        if (query.q?.includes("'")) throw new Error('cannot parse')
      },
    }),
    fault: 'unusual text in ?q= answers 500; pass each input to SQL as a parameter',
  },
  'notes a password in the audit log': {
    route: post('/api/m/passwords', {
      ...writes,
      body: z.strictObject({ password: Name }),
      handle: (ctx, { body }) => ctx.audit({ meta: { changed: `to ${body.password}` } }),
    }),
    fault: 'body /password is in the audit row; note the id instead: ctx.audit({ entity_id })',
  },
  'notes a body in the audit log': {
    route: post('/api/m/notes', {
      ...named,
      handle: (ctx, { body }) => ctx.audit({ meta: { ...body } }),
    }),
    fault: 'body /name is in the audit row',
  },
  'stores a secret as it is': {
    route: post('/api/m/keys', {
      ...writes,
      body: z.strictObject({ api_key: Name }),
      handle: async ({ db }, { body }) => {
        await db.insertInto('projects').values({ id: newId(), name: body.api_key }).execute()
      },
    }),
    fault: 'body /api_key is stored as it is; store a hash of a secret',
  },
  'prints its input': {
    route: post('/api/m/prints', {
      ...named,
      handle: (_, { body }) => {
        const { console: output } = globalThis
        output.debug('got', body)
      },
    }),
    fault: 'body /name is written to stdout or stderr; remove the output',
  },
  'writes its input to stderr': {
    route: get('/api/m/stderr', {
      ...reads,
      query: z.object({ q: Name.optional() }),
      handle: (_, { query }) => void process.stderr.write(`${query.q ?? ''}\n`),
    }),
    fault: '?q= is written to stdout or stderr',
  },
  'logs its input with an error': {
    route: post('/api/m/logs', {
      ...named,
      handle: (_, { body }) => {
        throw new Error(`cannot use ${body.name}`)
      },
    }),
    fault: 'body /name is in a log line; log a fixed text and ids',
  },
  'repeats its input in an error': {
    route: patch('/api/m/repeats', {
      ...named,
      errors: [409],
      handle: (_, { body }) => {
        throw new AppError('conflict', 'name.taken', `The name ${body.name} is taken`)
      },
    }),
    fault: 'body /name is repeated in the reply of an error; write a detail without its value',
  },
  'remembers an input across tenants': {
    route: get('/api/m/recent', {
      ...reads,
      query: z.object({ q: Name.optional() }),
      reply: z.object({ recent: z.array(z.string()) }),
      handle: (_, { query }) => {
        if (query.q !== undefined) remembered.push(query.q)
        return { recent: remembered }
      },
    }),
    fault: '?q= is in a reply to another tenant; keep no rows outside of a request',
  },
  'makes a column of its input in a delete': {
    route: del('/api/m/projects/:column', {
      ...writes,
      params: z.object({ column: z.string() }),
      handle: async ({ db }, { params }) => {
        await sql`delete from projects where false and ${sql.id(params.column)} is null`.execute(db)
      },
    }),
    fault: ':column is in the text of a statement',
  },
}
