import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { app } from '../../../../starter/src/app.ts'
import { demo } from '../../../../starter/src/demo.ts'
import { createPasswords } from '../../src/access/passwords.ts'
import { seedDemo } from '../../src/runtime/seed_demo.ts'
import { startTestApp, type TestApp } from '../../src/testing.ts'

const readme = await readFile(
  fileURLToPath(new URL('../../../../README.md', import.meta.url)),
  'utf8',
)
let api: TestApp
beforeAll(async () => {
  api = await startTestApp(app, {
    BASE_DOMAINS: 'localhost,local.com',
    PUBLIC_ORIGIN: 'http://{tenant}.localhost',
  })
  await seedDemo(api.database, createPasswords(), demo)
})
afterAll(() => api.close())

// A bare machine may have no curl.
const hasCurl = await promisify(execFile)('curl', ['--version']).then(
  () => true,
  () => false,
)

test.skipIf(!hasCurl)(
  'every example of the README prints what the README says, in order',
  async () => {
    const output = await runExamples()
    expect(output).toEqual([
      { status: 'ok', message: 'API is running' },
      { status: 'ok', message: 'API is running' },
      grant({ roles: ['admin_tenant'], tenant: 'public' }),
      grant({ roles: ['admin_tenant'], tenant: 'public', refresh_token: expect.any(String) }),
      { tenant_name: 'Public Tenant', subdomain: 'public' },
      expect.objectContaining({ user_name: 'Public Admin', user_email: 'admin@public.com' }),
      { msg: 'Hello Admin of tenant Public Tenant!' },
      grant({ refresh_token: expect.any(String) }),
      expect.objectContaining({ name: 'Apollo' }),
      {
        items: expect.arrayContaining([expect.objectContaining({ name: 'Apollo' })]),
        next_cursor: null,
      },
      expect.objectContaining({ status: 401, detail: 'Could not validate credentials' }),
      { message: 'Reset link sent' },
    ])
    expect((await api.mailsTo('operator@public.com'))[0]?.text).toContain('http://public.localhost')
  },
)

test('writing the demo data again changes nothing', async () => {
  await seedDemo(api.database, createPasswords(), demo)
  const members = await api.database.acrossTenants('test', (db) =>
    db
      .selectFrom('tenantry.members as m')
      .innerJoin('tenantry.tenants as t', 't.id', 'm.tenant_id')
      .select(['t.subdomain'])
      .where(
        't.subdomain',
        'in',
        demo.tenants.map((it) => it.subdomain),
      )
      .execute(),
  )
  expect(members).toHaveLength(9)
})

function grant(more: object) {
  return {
    access_token: expect.any(String),
    token_type: 'bearer',
    expires_in: 900,
    ...more,
  }
}

/** Runs the shell blocks of "Try it" in one shell. Returns the JSON that each curl printed. */
async function runExamples(): Promise<unknown[]> {
  const section = readme.split('## Try it')[1]?.split('\n## ')[0] ?? ''
  const blocks = [...section.matchAll(/```sh\n([\s\S]*?)```/g)].map((it) => it[1] ?? '')
  const script = blocks
    .join('\n')
    .replaceAll(':8000', `:${api.port}`)
    // One line for each reply.
    .replaceAll(/^curl /gm, "curl -sS -w '\\n' ")
  const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', script])
  return stdout
    .split('\n')
    .filter((it) => it !== '')
    .map((it) => JSON.parse(it))
}
