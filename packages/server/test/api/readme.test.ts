import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { app } from '../../../../starter/src/app.ts'
import { demo } from '../../../../starter/src/demo.ts'
import { createPasswords } from '../../src/access/passwords.ts'
import { listTenants } from '../../src/modules/tenants/tenants.ts'
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
  const seeded = await api.database.acrossTenants('test', listTenants)
  for (const { id, subdomain } of seeded) if (subdomain === 'public') api.runJobsOf(id)
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
    const examples = readExamples()
    const replies = await runScript(examples.script)
    expect(replies).toEqual(examples.replies)
    expect(replies.length).toBeGreaterThan(11)
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

interface Examples {
  script: string
  /** The reply of each curl. `…` stands for any value. */
  replies: unknown[]
}

/** The shell blocks of "Try it": the comment under one curl or more says what each of them prints. */
function readExamples(): Examples {
  const section = readme.split('## Try it')[1]?.split('\n## ')[0] ?? ''
  const blocks = [...section.matchAll(/```sh\n([\s\S]*?)```/g)].map((it) => it[1] ?? '')
  const lines = blocks.join('').split('\n')
  const replies: unknown[] = []
  let asked = 0
  for (const line of lines) {
    if (line.startsWith('curl ')) asked++
    if (!line.startsWith('# {')) continue
    const reply = JSON.parse(line.slice(2), (_, value) => (value === '…' ? anything : value))
    for (; asked > 0; asked--) replies.push(reply)
  }
  return { script: lines.join('\n'), replies }
}

const anything = { asymmetricMatch: (value: unknown) => value !== undefined && value !== null }

/** Runs the examples in one shell. Returns the JSON that each curl printed. */
async function runScript(examples: string): Promise<unknown[]> {
  const script = examples
    .replaceAll(':8000', `:${api.port}`)
    // One line for each reply.
    .replaceAll(/^curl /gm, "curl -sS -w '\\n' ")
  const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', script])
  return stdout
    .split('\n')
    .filter((it) => it !== '')
    .map((it) => JSON.parse(it))
}
