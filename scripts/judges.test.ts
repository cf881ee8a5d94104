import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, expect, test } from 'vitest'

const root = join(import.meta.dirname, '..')
const folders: string[] = []
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

const kernel = 'packages/server/src'

test('greps.ts finds each word outside of its place', () => {
  const faults = judge('greps.ts', {
    [`${kernel}/a.ts`]: "await sql`select set_config('app.tenant_id', '1', true)`",
    'starter/migrations/0002_a.up.sql': 'select tenantry.set_tenant(gen_random_uuid());',
    [`${kernel}/b.ts`]: "db.selectFrom('projects').where('tenant_id', '=', id)",
    [`${kernel}/c.ts`]: "if (ctx.actor.roles.includes('manager')) return",
    [`${kernel}/d.ts`]: 'const port = process.env.PORT',
    [`${kernel}/e.ts`]: 'const mailer = container.get(Mailer)',
    [`${kernel}/f.ts`]: 'const reply = body as any',
    [`${kernel}/g.ts`]: '// @ts-ignore',
    [`${kernel}/h.ts`]: 'await sql`insert into tenantry.sessions (id) values (1)`',
    [`${kernel}/i.ts`]: "db.insertInto('tenantry.sessions')",
    'starter/src/utils.ts': '',
    'starter/src/common/a.ts': '',
    [`${kernel}/modules/auth/auth.ts`]: "db.updateTable('tenantry.users')",
    [`${kernel}/modules/users/users.ts`]: "db.insertInto('tenantry.users')",
  })
  expect(faults.filter((it) => !it.includes('take it off the list'))).toEqual([
    expect.stringContaining(`one place sets the tenant: ${kernel}/a.ts:1`),
    expect.stringContaining('one place sets the tenant: starter/migrations/0002_a.up.sql:1'),
    expect.stringContaining(`no query names the tenant: ${kernel}/a.ts:1`),
    expect.stringContaining(`no query names the tenant: ${kernel}/b.ts:1`),
    expect.stringContaining(`one function opens a session: ${kernel}/h.ts:1`),
    expect.stringContaining(`one function opens a session: ${kernel}/i.ts:1`),
    expect.stringContaining(`no role by name: ${kernel}/c.ts:1`),
    expect.stringContaining(`settings in config.ts: ${kernel}/d.ts:1`),
    expect.stringContaining(`wiring is arguments: ${kernel}/e.ts:1`),
    expect.stringContaining(`no way out of the types: ${kernel}/f.ts:1`),
    expect.stringContaining(`no way out of the types: ${kernel}/g.ts:1`),
    expect.stringContaining('names that say something: starter/src/common/a.ts'),
    expect.stringContaining('names that say something: starter/src/utils.ts'),
    expect.stringContaining('one module writes a table: tenantry.users'),
  ])
})

test('greps.ts ignores comments and tests, and finds exceptions that are not needed', () => {
  const faults = judge('greps.ts', {
    [`${kernel}/a.ts`]: '// process.env is read in config.ts, as any reader knows',
    [`${kernel}/a.test.ts`]: "await client.query('select tenantry.set_tenant($1)')",
  })
  expect(faults.every((it) => it.includes('take it off the list'))).toBe(true)
  expect(faults).toContainEqual(
    expect.stringContaining(`settings in config.ts: ${kernel}/config/config.ts`),
  )
})

const long = (lines: number) => `function f() {\n${'  g()\n'.repeat(lines - 2)}}\n`

test('measure.ts counts the lines of functions and files from the first to the last', () => {
  const faults = judge('measure.ts', {
    [`${kernel}/a.ts`]: `// What a naïve reader → would miss\n\n${long(61)}${long(60)}`,
    [`${kernel}/b.ts`]: `export const b = { c: async () => {\n${'  g()\n'.repeat(60)}} }\n`,
    [`${kernel}/c.ts`]: 'f()\n'.repeat(301),
    [`${kernel}/d.ts`]: 'f()\n'.repeat(300),
    [`${kernel}/tables.ts`]: '// generated\n'.repeat(400),
    [`${kernel}/a.test.ts`]: long(100),
  })
  expect(faults.filter((it) => !it.startsWith('0 components')).slice(0, 8)).toEqual([
    '3 functions: median 61, p90 62, longest 62',
    'the median function has 61 lines; at most 8',
    'the p90 function has 62 lines; at most 18',
    `${kernel}/a.ts:3: 61 lines; a function has at most 60`,
    `${kernel}/b.ts:1: 62 lines; a function has at most 60`,
    '4 files: median 123, p90 301, longest 301',
    'the median file has 123 lines; at most 80',
    `${kernel}/c.ts: 301 lines; a file has at most 300`,
  ])
})

test('measure.ts lets the markup of a component be longer than a function', () => {
  const component = (lines: number) =>
    `export function Page() {\n  return (\n    <ul>\n${'      <li />\n'.repeat(lines - 6)}    </ul>\n  )\n}\n`
  const pages = 'packages/web/src/pages'
  const faults = judge('measure.ts', {
    'scripts/a.ts': long(5),
    [`${pages}/a.tsx`]: component(40),
    [`${pages}/b.tsx`]: component(121),
    ...Object.fromEntries(
      Array.from({ length: 20 }, (_, at) => [`${pages}/${at}.tsx`, component(7)]),
    ),
  })
  expect(faults.filter((it) => it.includes('component'))).toEqual([
    '22 components: median 7, p90 7, longest 121',
    `${pages}/b.tsx:1: 121 lines; a component has at most 120`,
  ])
})

test('measure.ts asks for short functions and files, not only for none that is too long', () => {
  const files = (lines: number, count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, at) => [`scripts/${at}.ts`, long(lines)]))
  expect(judge('measure.ts', files(9, 10))).toContain('the median function has 9 lines; at most 8')
  const longer = judge('measure.ts', { ...files(8, 10), 'starter/src/a.ts': long(19).repeat(2) })
  expect(longer).toContain('the p90 function has 19 lines; at most 18')
  expect(longer).not.toContainEqual(expect.stringContaining('the median'))
})

test('measure.ts finds folders of too many files', () => {
  const files = (folder: string, count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, at) => [`${folder}/${at}.ts`, 'f()\n']))
  const faults = judge('measure.ts', {
    ...files(`${kernel}/db`, 17),
    ...files(`${kernel}/http`, 16),
    [`${kernel}/http/a.test.ts`]: 'f()\n',
    ...files(kernel, 5),
  })
  expect(faults.filter((it) => it.includes('at most'))).toEqual([
    `${kernel}/db: 17 files; a folder has at most 16`,
    `${kernel}: 5 loose files; at most 4, the rest has a folder`,
  ])
})

test('measure.ts counts comments, except the documentation of exported names', () => {
  const code = "const url = 'http://a/*'\n".repeat(30)
  const documented =
    '/** A */\nexport interface A {\n  /** B */\n  b: string\n}\n' +
    '/** C */\nexport class C {\n  /** D */\n  d = 1 // Beside code.\n}\n'
  const faults = judge('measure.ts', {
    [`${kernel}/a.ts`]: `${code}${documented}/** Of nothing exported. */\nconst e = 1\n/*\n * F\n */`,
    [`${kernel}/access/a.ts`]: '// An invariant\n'.repeat(40),
    [`${kernel}/invalidation/a.ts`]: '// An invariant\n'.repeat(40),
    [`${kernel}/a.test.ts`]: '// A test\n'.repeat(40),
    'starter/migrations/0001_a.up.sql': '-- An invariant\n'.repeat(40),
  })
  expect(faults.filter((it) => it.includes('comments'))).toEqual([
    'comments: 8.9 % of 45 lines, 17.8 % with documentation',
    '8.9 % of the lines are comments; at most 8.0 %',
    `${kernel}/a.ts: 4 of 45 lines are comments`,
  ])
})

test('measure.ts finds the private words of comments, documents and messages', () => {
  // In parts, as this file is measured too.
  const [who, soon] = ['no' + 'body', 'at on' + 'ce']
  const faults = judge('measure.ts', {
    [`${kernel}/a.ts`]: `f() // ${who}\n\n// All ${soon.replace(' ', '\n// ')}\nf('who ${who} is')\n`,
    'packages/server/test/a.test.ts': `/**\n * Several ${soon}\n */\n`,
    'starter/migrations/0001_a.up.sql': `select 1;\nselect 2; -- ${who}\n`,
    'README.md': `Of \`${who}\`\n\n\`\`\`\n${who}\n\`\`\`\n\n${who.toUpperCase()}\n`,
    [`released/1.0.0/a.sql`]: `-- ${who}\n`,
  })
  expect(faults.filter((it) => it.includes(who) || it.includes(soon))).toEqual([
    `starter/migrations/0001_a.up.sql:2: ${who}`,
    `${kernel}/a.ts:1: ${who}`,
    `${kernel}/a.ts:3: ${soon}`,
    `packages/server/test/a.test.ts:2: ${soon}`,
    `${kernel}/a.ts:5: ${who}`,
  ])
  expect(faults).toContain(`README.md:7: ${who.toUpperCase()}`)
})

test('agents.ts finds each claim of AGENTS.md that is not true', () => {
  const lines = [
    'See `README.md`, `docs/decisions/`, `.config/<name>.json`, `/api/x`, `ctx.db` and `a/b: c`.',
    'Run `npm ci`, `npm run check -- lint types`, `npx tenantry migrate up`, `npx vitest run`.',
    'Not `GONE.md`, `docs/gone/`, `docs/gone`, `modules/<noun>/<noun>.ts`, `npm test`.',
    '```sh',
    'npm run check -- lint spelling  # two checks',
    'npm run deploy',
    'npx tenantry new resource invoices --fields "number:text"',
    'npx tenantry new invoice',
    'npx tenantry destroy',
    '```',
  ]
  const files = {
    'package.json': JSON.stringify({ scripts: { check: '' } }),
    'README.md': '',
    'docs/decisions/0001.md': '',
    '.config/a.json': '',
  }
  const faults = judge('documents/agents.ts', { ...files, 'AGENTS.md': lines.join('\n') })
  expect(faults.sort()).toEqual(
    [
      'there is no check "spelling"',
      'package.json has no script "deploy"',
      'there is no "tenantry new invoice"',
      'there is no "tenantry destroy"',
      'GONE.md does not exist',
      'docs/gone/ does not exist',
      'docs/gone does not exist',
      'modules/<noun>/<noun>.ts does not exist',
      'package.json has no script "test"',
    ]
      .map((it) => `AGENTS.md: ${it}`)
      .sort(),
  )
  expect(judge('documents/agents.ts', { ...files, 'AGENTS.md': 'A line\n'.repeat(61) })).toEqual([
    'AGENTS.md: 61 lines; at most 60',
  ])
})

test('links.ts finds links and commands of a document that lead nowhere', () => {
  const page = [
    'See [one](docs/one.md#what-it-costs), [a site](https://example.com) and ![a picture](docs/a.png).',
    'Not [gone](gone.md), [another](docs/one.md#what-it-costs-not), [a code](#no-heading).',
    '   ```sh',
    '   npx tenantry doctor --settings  # [no link](gone2.md)',
    '   # No heading',
    '   npx tenantry doctor --colour && npm run deploy',
    '   ```',
    '`tenantry domain list|add` is one, `tenantry domain list|steal`, `tenantry tenant show acme --jsn` are not.',
  ]
  const files = {
    'package.json': JSON.stringify({ scripts: {} }),
    'README.md': page.join('\n'),
    'docs/one.md': '## What it `costs`',
    'docs/a.png': '',
  }
  expect(judge('documents/links.ts', files)).toEqual(
    [
      'gone.md leads nowhere',
      'docs/one.md#what-it-costs-not leads nowhere',
      '#no-heading leads nowhere',
      '"tenantry doctor" has no --colour',
      'package.json has no script "deploy"',
      'there is no "tenantry domain list|steal"',
      '"tenantry tenant show" has no --jsn',
    ].map((it) => `README.md: ${it}`),
  )
})

test('lockfile.ts finds packages that may change unnoticed or do not run everywhere', () => {
  const good = { version: '1.0.0', integrity: 'sha512-AAAA' }
  const packages = {
    '': { dependencies: { good: '1.0.0', loose: '^1.0.0', fork: 'github:someone/fork' } },
    'node_modules/good': good,
    'node_modules/tenantry': { link: true },
    'node_modules/unsealed': { version: '1.0.0' },
    'node_modules/fastify': { ...good, version: '5.7.0' },
    'node_modules/modern': { ...good, engines: { node: '>=22' } },
    'node_modules/native': {
      ...good,
      optionalDependencies: { good: '1.0.0', 'native-mac': '1.0.0' },
    },
    'node_modules/denied': { ...good, hasInstallScript: true },
    'node_modules/curious': { ...good, hasInstallScript: true },
  }
  const files = {
    'package.json': JSON.stringify({ allowScripts: { denied: false } }),
    'package-lock.json': JSON.stringify({ packages }),
  }
  expect(judge('lockfile.ts', files)).toEqual([
    expect.stringContaining('the root depends on loose "^1.0.0"'),
    expect.stringContaining('the root depends on fork "github:someone/fork"'),
    'node_modules/unsealed has no sha512 integrity',
    expect.stringContaining('node_modules/fastify is 5.7.0: take 5.12.8 or later (CVE-'),
    'node_modules/modern wants Node >=22, which 20.19.0 is not',
    expect.stringContaining('node_modules/native has native-mac for another platform'),
    expect.stringContaining('node_modules/curious has an install script'),
  ])
})

test('licences.ts checks every package that a server needs, and no other', () => {
  const packages = {
    starter: { dependencies: { tenantry: '1.0.0' }, devDependencies: { tool: '1.0.0' } },
    'packages/server': { dependencies: { good: '1.0.0', choice: '1.0.0' } },
    'node_modules/tenantry': { link: true, resolved: 'packages/server' },
    'node_modules/good': { version: '1.0.0', license: 'MIT', dependencies: { deep: '2.0.0' } },
    'node_modules/choice': { version: '1.0.0', license: '(GPL-3.0-only OR MIT)' },
    'node_modules/deep': { version: '1.0.0', license: 'MIT' },
    'node_modules/good/node_modules/deep': { version: '2.0.0', license: 'GPL-3.0-only' },
    'node_modules/tool': { version: '1.0.0', license: 'MPL-2.0' },
  }
  expect(judge('licences.ts', { 'package-lock.json': JSON.stringify({ packages }) })).toEqual([
    'deep 2.0.0 is under "GPL-3.0-only", which scripts/licences.ts does not allow',
  ])
})

test('api.ts asks for a marked entry where a client of the newest release breaks', () => {
  const api = (paths: object) => JSON.stringify({ paths })
  const files = (changelog: string) => ({
    'released/0.9.0/openapi.json': api({}),
    'released/0.10.0/openapi.json': api({ '/a': { get: {}, post: {} } }),
    'starter/openapi.json': api({ '/a': { post: {} } }),
    'CHANGELOG.md': `## [Unreleased]\n\n${changelog}\n`,
  })
  expect(judge('api.ts', files('- `GET /a` is gone'))).toEqual([
    'GET /a: is removed since 0.10.0 -- keep it as it was, or add to CHANGELOG.md under ' +
      '[Unreleased]: - **Breaking** `GET /a` ...',
  ])
  const marked = '- **Breaking** `GET /a` is gone'
  expect(judge('api.ts', { ...files(marked), 'starter/openapi.json': api({}) })).toEqual([
    expect.stringContaining('POST /a: is removed'),
  ])
})

test.each(['greps.ts', 'measure.ts'])('%s fails where it finds no files', (script) => {
  expect(judge(script, {})).toContainEqual(expect.stringContaining('no files in'))
})

/** The output of a check that finds a fault in a repository of these files. */
function judge(script: string, files: Record<string, string>): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'judge-test-'))
  folders.push(folder)
  for (const path of [
    kernel,
    'packages/server/migrations',
    'starter/src',
    'starter/migrations',
    'scripts',
  ]) {
    mkdirSync(join(folder, path), { recursive: true })
  }
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  const args = ['--import', 'tsx', join(root, 'scripts', script), folder]
  const { stdout, stderr, status } = spawnSync(process.execPath, args, {
    cwd: root,
    encoding: 'utf8',
  })
  expect(status).toBe(1)
  return `${stdout}${stderr}`
    .split('\n')
    .map((it) => it.trim())
    .filter((it) => it !== '')
}
