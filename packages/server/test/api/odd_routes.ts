import { sql } from 'kysely'
import { newId, type Route } from 'tenantry'
import { z } from 'zod'
import { get, post } from '../fixtures/app/policy.ts'

const Thing = z.object({
  name: z.string(),
  inner: z.object({ name: z.string() }),
  list: z.array(z.object({ name: z.string() })),
  either: z.union([z.object({ name: z.string() }), z.null()]),
})

/** A row as a careless query returns it: with columns that the reply's schema does not list. */
const row = { name: 'shown', password_hash: 'hidden', tenant_id: 'hidden', toJSON: undefined }

const fails = (path: `/${string}`, handle: () => never | Promise<never>) =>
  get(path, { access: 'public', summary: '', reply: z.object({}), handle })

/** Routes whose handlers have typical faults. */
export const oddRoutes: Route[] = [
  fails('/api/odd/sql', () => {
    throw new Error('relation "pg_authid": select * from tenantry.users at /srv/app/users.ts:7')
  }),
  fails('/api/odd/text', () => Promise.reject('select secret from vault')),
  fails('/api/odd/nothing', () => Promise.reject(undefined)),
  fails('/api/odd/status', () => {
    const headers = { 'x-powered-by': 'Express', location: 'https://evil.test' }
    throw Object.assign(new Error('teapot'), {
      statusCode: 418,
      status: 418,
      code: 'HPE_X',
      headers,
    })
  }),
  fails('/api/odd/cause', () => {
    throw new TypeError('undefined', { cause: new Error('postgresql://app:secret@db/saas') })
  }),
  get('/api/odd/database', {
    access: 'member',
    summary: '',
    reply: z.object({}),
    handle: async ({ db }) => {
      await sql`select 1 / 0 from tenantry.members`.execute(db)
      return {}
    },
  }),
  get('/api/odd/leak', {
    access: 'public',
    summary: '',
    reply: Thing,
    handle: () => ({ ...row, inner: row, list: [row, row], either: row }),
  }),
  get('/api/odd/numbers', {
    access: 'public',
    summary: '',
    query: z.object({
      plain: z.coerce.number().optional(),
      nullish: z.coerce.number().int().nullish().default(1),
      piped: z.coerce.number().transform(String).prefault(1),
    }),
    reply: z.object({}),
    handle: () => ({}),
  }),
  // Its audit row violates a check of the table.
  post('/api/odd/unaudited', {
    access: 'projects:create',
    summary: '',
    audit: 'odd.unaudited',
    handle: (ctx) => ctx.audit({ entity_id: 'x'.repeat(200) }),
  }),
  post('/api/odd/unfit', {
    access: 'member',
    summary: '',
    audit: 'odd.create',
    reply: Thing,
    handle: async ({ db }) => {
      await db.insertInto('projects').values({ id: newId(), name: 'unfit' }).execute()
      // A query's result that does not match its type.
      return JSON.parse('{"name":"no inner"}')
    },
  }),
]
