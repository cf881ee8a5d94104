import { z } from 'zod'
import type { Route } from '../../src/app/route.ts'
import { withClient } from '../../src/db/connect/with_client.ts'
import { del, get, patch, post } from '../fixtures/app/policy.ts'
import { sharedDatabase } from '../fixtures/databases.ts'

const Name = z.string().min(1).max(200)
const Rows = z.object({ items: z.array(z.object({ name: z.string() })) })
const reads = { access: 'projects:read', summary: 'A mutant' } as const
const writes = { access: 'projects:update', summary: 'A mutant' } as const

// Reads as the superuser, past row-level security: what a route must never do.
async function ofAllTenants(where: string, value: string): Promise<{ name: string }[]> {
  return withClient(sharedDatabase().admin, async (client) => {
    const { rows } = await client.query(`select name from projects where ${where}`, [value])
    return rows
  })
}

/** Routes that reach another tenant's rows by an input, each with what the isolation sweep says. */
export const foreignMutants: Record<string, { route: Route; fault: string }> = {
  'finds a row by a text query field': {
    route: get('/api/f/by-name', {
      ...reads,
      query: z.object({ name: Name.optional() }),
      reply: Rows,
      handle: async (_, { query }) => ({
        items: await ofAllTenants('name = $1', query.name ?? ''),
      }),
    }),
    fault: '?name= with a value of another tenant answers 200',
  },
  'reads the tenant that its input names': {
    route: get('/api/f/workspace', {
      ...reads,
      query: z.object({ workspace: z.string().optional() }),
      reply: Rows,
      handle: async (_, { query }) => ({
        items: await ofAllTenants('tenant_id::text = $1', query.workspace ?? ''),
      }),
    }),
    fault: '?workspace= with a value of another tenant answers 200',
  },
  'reads the tenant that its body names': {
    route: post('/api/f/workspaces', {
      ...writes,
      body: z.strictObject({ for: z.strictObject({ workspace: z.string() }) }),
      reply: Rows,
      handle: async (_, { body }) => ({
        items: await ofAllTenants('tenant_id::text = $1', body.for.workspace),
      }),
    }),
    fault: 'body /for/workspace with a value of another tenant answers 200',
  },
  'finds a row by a text of its path': {
    route: get('/api/f/names/:name', {
      ...reads,
      params: z.object({ name: Name }),
      reply: Rows,
      handle: async (_, { params }) => ({ items: await ofAllTenants('name = $1', params.name) }),
    }),
    fault: ':name with a value of another tenant answers 200',
  },
  'finds a row by a nested text of its body': {
    route: post('/api/f/nested', {
      ...writes,
      body: z.strictObject({ about: z.strictObject({ names: z.array(z.string()) }) }),
      reply: Rows,
      handle: async (_, { body }) => ({
        items: await ofAllTenants('name = $1', body.about.names[0] ?? ''),
      }),
    }),
    fault: 'body /about/names/0 with a value of another tenant answers 200',
  },
  'says how many rows all tenants have': {
    route: get('/api/f/count', {
      ...reads,
      query: z.object({ id: z.uuid().optional() }),
      reply: z.object({ count: z.int() }),
      handle: async (_, { query }) => ({
        count: (await ofAllTenants('id::text = $1', query.id ?? '')).length,
      }),
    }),
    fault: '?id= with a value of another tenant answers 200',
  },
  'says whether a name exists in any tenant': {
    route: patch('/api/f/free', {
      ...writes,
      body: z.strictObject({ name: Name }),
      reply: z.object({ is_free: z.boolean() }),
      handle: async (_, { body }) => ({
        is_free: (await ofAllTenants('name = $1', body.name)).length === 0,
      }),
    }),
    fault: 'body /name with a value of another tenant answers 200',
  },
  'accepts a cursor of another tenant': {
    route: get('/api/f/pages', {
      ...reads,
      query: z.object({ cursor: z.string().optional() }),
      reply: z.object({ is_known: z.boolean() }),
      // As a cursor that is not bound to its tenant would behave.
      handle: (_, { query }) => ({ is_known: seenCursors.has(query.cursor ?? '') }),
    }),
    fault: '?cursor= with a value of another tenant answers 200',
  },
  'answers 204 for the id of another tenant': {
    route: del('/api/projects/:project_id/removed', {
      ...writes,
      params: z.object({ project_id: z.uuid() }),
      handle: async ({ db }, { params }) => {
        await db.deleteFrom('projects').where('id', '=', params.project_id).execute()
      },
    }),
    fault: '/api/projects of another tenant answers 204',
  },
  'answers 500 for a quote': {
    route: get('/api/f/quote', {
      ...reads,
      query: z.object({ q: z.string().optional() }),
      handle: (_, { query }) => {
        if (query.q?.includes("'")) throw new Error('syntax error')
      },
    }),
    fault: '?q= with a quote answers 500; pass it to SQL as a parameter',
  },
  'runs SQL in its input': {
    route: get('/api/f/injected', {
      ...reads,
      query: z.object({ q: z.string().optional() }),
      reply: z.object({ found: z.boolean() }),
      handle: async (_, { query }) => ({ found: await isFound(query.q ?? '') }),
    }),
    fault: '?q= with SQL in it answers 200',
  },
}

/** The cursors that lists of tenant B have returned. */
export const seenCursors = new Set<string>()

async function isFound(text: string): Promise<boolean> {
  return withClient(sharedDatabase().admin, async (client) => {
    const query = client.query(`select '' = '${text}' as found`)
    const { rows } = await query.catch(() => ({ rows: [{ found: false }] }))
    return rows[0]?.found ?? false
  })
}
