import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { withClient } from '../../src/db/connect/with_client.ts'
import { get } from '../fixtures/app/policy.ts'
import { builtFrom } from '../fixtures/built_kernel.ts'
import { appWith, makeWorkplace } from '../fixtures/cli.ts'
import { type DatabaseUrls, onMigratedDatabase, sharedDatabase } from '../fixtures/databases.ts'

const place = makeWorkplace('./app.ts')
afterAll(() => place.remove())

const built = (path: string) => builtFrom(fileURLToPath(new URL(path, import.meta.url)))
const builders = `import { get, post } from '${built('../fixtures/app/policy.ts')}'`
const kernel = built('../../src/index.ts')

/** A mistake in a user's app.ts: its imports, its properties, and the line that the start fails with. */
const mistakes: [string, string, string, string][] = [
  [
    'a route without access',
    builders,
    "routes: [post('/api/notes', { summary: '', handle: () => undefined })]",
    "POST /api/notes: has no access; say who may call it, such as access: 'projects:read'",
  ],
  [
    'a route for a permission that does not exist',
    builders,
    "routes: [get('/api/notes', { access: 'notes:read', summary: '', handle: () => undefined })]",
    'GET /api/notes: access "notes:read" is not a permission of policy.ts; known: audit_logs:read, ',
  ],
  [
    'a route for a role that does not exist',
    builders,
    "routes: [get('/api/notes', { access: 'role:boss', summary: '', handle: () => undefined })]",
    'GET /api/notes: access names the role "boss", which policy.ts does not define',
  ],
  [
    'a role with a permission that does not exist',
    `import { definePolicy } from '${kernel}'`,
    "policy: definePolicy({ resources: {}, roles: { boss: { description: '', permissions: ['notes:*'] } } })",
    'policy: role "boss" grants "notes:*", which no resource has; known: audit_logs:read, ',
  ],
  [
    'a resource of a name that the kernel has',
    `import { definePolicy } from '${kernel}'`,
    "policy: definePolicy({ resources: { members: ['read'] }, roles: {} })",
    'policy: "members" is one of the kernel\'s own resources; choose another name',
  ],
]

describe('a start fails, with one line that names the fix, on', { timeout: 90_000 }, () => {
  test.each(mistakes)('%s', async (_case, before, more, line) => {
    place.write('app.ts', appWith(more, before))
    const { code, stderr } = await place.run('start', dsns())
    expect(stderr.split('\n').filter((it) => it.includes(line))).toHaveLength(1)
    expect(stderr).not.toMatch(/LOG_LEVEL|\n {4}at /)
    expect(code).toBe(1)
  })
})

test('doctor names a table that is not registered with make_tenant_table, and the fix', {
  timeout: 90_000,
}, async () => {
  place.write('app.ts', appWith(''))
  await onMigratedDatabase(async (urls) => {
    await withClient(urls.owner, (owner) => owner.query('create table notes (id uuid primary key)'))
    const { code, stdout } = await place.run('doctor', dsns(urls))
    expect(stdout).toMatch(
      /FAIL +row-level security +L17 public\.notes: .*; call make_tenant_table in/,
    )
    expect(code).toBe(1)
  })
})

test('the compiler rejects what a start would, and a query in a public handler', () => {
  const handle = () => undefined
  // @ts-expect-error no access
  get('/api/notes', { summary: '', handle })
  // @ts-expect-error a permission that does not exist
  get('/api/notes', { access: 'notes:read', summary: '', handle })
  // @ts-expect-error a role that does not exist
  get('/api/notes', { access: 'role:boss', summary: '', handle })
  const open = get('/api/notes', {
    access: 'public',
    summary: '',
    // @ts-expect-error a public route has no database
    handle: ({ db }) => db,
  })
  expect(open.access).toBe('public')
})

function dsns(
  { app, identity, platform }: DatabaseUrls = sharedDatabase(),
): Record<string, string> {
  return { DB_URL: app, DB_IDENTITY_URL: identity, DB_PLATFORM_URL: platform }
}
