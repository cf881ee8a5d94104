import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { send } from '../../src/testing/http_client.ts'
import { carryOut, stepsOf } from '../deploy/guide.ts'
import { makePackedApp, type PackedApp } from './packed_app.ts'

let app: PackedApp
beforeAll(async () => {
  app = await makePackedApp('my-app')
}, 300_000)
afterAll(() => app.remove())

const read = (path: string) => readFileSync(join(app.folder, path), 'utf8')
const replaceIn = (path: string, from: string, to: string) =>
  writeFileSync(join(app.folder, path), read(path).replace(from, to))

const accessSweep = 'npx vitest run src/sweep.test.ts -t "admits exactly"'

// The tests run in order on one app, as its user would: each continues where the one before ended.
describe('an app made by npm create tenantry', { timeout: 600_000 }, () => {
  test("has its folder's name, this version of tenantry and its own secret", () => {
    const kernel = readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8')
    const installed = read('node_modules/tenantry/package.json')
    expect(JSON.parse(installed).version).toBe(JSON.parse(kernel).version)
    expect(JSON.parse(read('package.json')).name).toBe('my-app')
    expect(read('src/app.ts')).toContain("name: 'My App'")
    expect(read('.env')).toMatch(/^SECRET_KEY=[\w+/]{64}$/m)
    expect(statSync(join(app.folder, '.env')).mode & 0o777).toBe(0o600)
    expect(read('.gitignore')).toMatch(/^\.env$/m)
  })

  test('contains nothing of this repository', () => {
    const files = readdirSync(app.folder, { recursive: true, encoding: 'utf8' })
    const own = files.filter((it) => !it.startsWith('node_modules') && /\.\w+$/.test(it))
    const texts = own
      .filter((it) => statSync(join(app.folder, it)).isFile())
      .map((it) => [it, read(it)])
    const foreign = texts.filter(([, text]) => /starter|packages\/server/i.test(text ?? ''))
    expect(foreign.map(([path]) => path)).toEqual([])
  })

  test('has pages whose links, paths and commands lead to what it has', () => {
    const pages = ['README.md', ...readdirSync(join(app.folder, 'docs')).map((it) => `docs/${it}`)]
    expect(pages).toContain('docs/settings.md')
    expect(pages.filter((it) => !read('README.md').includes(`](${it})`))).toEqual(['README.md'])
    const { scripts } = JSON.parse(read('package.json'))
    const dead = pages.flatMap((page) => {
      const text = read(page)
      const links = [...text.matchAll(/\]\((?!https?:)([^)]+)\)/g)].map(([, it = '']) => it)
      const paths = [...text.matchAll(/`((?:docs|test|packages|scripts|released|db)\/[^`\s]+)`/g)]
      const named = [...text.matchAll(/\bdocs\/[\w-]+\.md\b/g)].map(([it]) => it)
      const run = [...text.matchAll(/npm run ([\w:]+)/g)].map(([, it = '']) => it)
      return [
        ...links.filter((it) => !leadsSomewhere(page, it)),
        ...[...named, ...paths.map(([, it = '']) => it)].filter(
          (it) => !existsSync(join(app.folder, it)),
        ),
        ...run.filter((it) => !(it in scripts)),
        ...(text.match(/<!-- .*? -->|\bOPS-\d+/g) ?? []),
      ].map((it) => `${page}: ${it}`)
    })
    expect(dead).toEqual([])
  })

  test('has a CI workflow, an example of its settings, and one commit without secrets', async () => {
    expect(read('.github/workflows/ci.yml')).toContain('- run: npm test\n')
    expect(read('.env.example')).toContain('# LOG_LEVEL=debug\n')
    expect(await app.run('git log --format=%s')).toBe('Create the app\n')
    const committed = (await app.run('git ls-files')).split('\n')
    expect(committed).toEqual(expect.arrayContaining(['.gitignore', '.env.example', 'src/app.ts']))
    expect(committed.filter((it) => /(^|\/)\.env$|^\.data/.test(it))).toEqual([])
  })

  test('has Compose files with its name, and secrets for them', () => {
    expect(read('deploy/compose.yaml')).toMatch(/^name: my-app$/m)
    expect(read('deploy/compose.yaml')).toContain(
      'context: ..\n      dockerfile: deploy/Dockerfile\n',
    )
    expect(read('deploy/.env')).toMatch(/^(\w+_(KEY|PASSWORD)=[0-9a-f]{64}\n){7}$/m)
    expect(statSync(join(app.folder, 'deploy/.env')).mode & 0o777).toBe(0o600)
  })

  test('can import the public entries of tenantry, and nothing else', async () => {
    const tryImport = async (path: string) =>
      app.run(
        `node -e "import('${path}').then(() => console.log('yes'), (e) => console.log(e.code))"`,
      )
    expect(await tryImport('tenantry')).toBe('yes\n')
    for (const path of ['tenantry/dist/app.js', 'tenantry/src/app.ts', 'tenantry/db/tenancy']) {
      expect(await tryImport(path)).toBe('ERR_PACKAGE_PATH_NOT_EXPORTED\n')
    }
  })

  // That it compiles is seen below, with what the guide and the generator add to it.
  test('has generated files that are current', async () => {
    expect(await app.run('npm run generate -- --check')).not.toContain('not current')
  })

  test('starts with its own database, its pages and the typed client', async () => {
    const server = spawn('node_modules/.bin/tenantry', ['start'], {
      cwd: app.folder,
      // A busy machine must not cause a 503.
      env: { ...app.environment, PORT: '0', EVENT_LOOP_DELAY_MAX_MS: '60000' },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const port = await portOf(server.stdout)
    const reply = await send(port, {
      method: 'POST',
      path: '/api/auth/login',
      headers: { host: 'client1.localhost' },
      body: { email: 'admin@client1.com', password: 'admin123' },
    })
    // Without a build of its own it has the pages of the package.
    const page = await send(port, { path: '/auth/sign-in' })
    const [, path = ''] = /<script type="module"[^>]* src="([^"]+)"/.exec(page.text) ?? []
    const script = await send(port, { path })
    const names = await app.run(`node --input-type=module -e "${clientOf(port)}"`)
    const tour = await tourOf(port)
    server.kill('SIGTERM')
    const [code] = await once(server, 'close')
    expect([reply.status, reply.json.tenant, code]).toEqual([200, 'client1', 0])
    expect(page.headers['content-security-policy']).toContain("require-trusted-types-for 'script'")
    expect([page.status, script.status]).toEqual([200, 200])
    expect(script.headers['cache-control']).toContain('immutable')
    expect(names).toContain('admin@public.com')
    const [created = '', listed = '', rejected = ''] = tour
    expect(JSON.parse(created)).toMatchObject({ name: 'Apollo' })
    expect(JSON.parse(listed).items).toContainEqual(JSON.parse(created))
    expect(JSON.parse(rejected)).toMatchObject({ status: 401 })
  })

  test('accepts the resource of the guide, followed literally', async () => {
    const steps = stepsOf(read('docs/adding-a-resource.md'))
    expect(steps.filter(({ kind }) => kind === 'file')).toHaveLength(5)
    expect(steps.filter(({ kind }) => kind === 'lines')).toHaveLength(3)
    // Few rows, for the starter's own tests sweep the plans at full size.
    replaceIn('src/sweep.test.ts', 'records:', 'planRows: 50, records:')
    // Each of the guide's commands runs the whole suite. Once is enough, after the resources below.
    for (const step of steps) {
      if (step.kind !== 'command') carryOut(app.folder, step)
      else if (!step.line.startsWith('npm test')) await app.run(step.line)
    }
    // The records are not written yet, and the guide says that this reports what changes.
    await expect(app.run(accessSweep)).rejects.toThrow(/may now POST \/api\/invoices/)
    expect(read('src/tables.ts')).toContain("state: ColumnType<'draft' | 'sent' | 'paid',")
  })

  test('accepts a generated resource with every type of field unchanged', async () => {
    const types = ['text', 'integer', 'bigint', 'boolean', 'date', 'timestamp', 'uuid']
    const fields = types.map((type) => `a_${type}:${type}`).join(' ')
    const create = 'npx tenantry new resource'
    const said = await app.run(
      `${create} purchase_orders --fields "${fields} state:enum:open:sent"`,
    )
    expect(said).toContain('wrote migrations/0004_purchase_orders.up.sql\n')
    expect(said).not.toMatch(/by hand|could not/)
    // Two references: of one the test creates what it refers to in turn, the other one cascades.
    await app.run(
      `${create} order_lines --fields "purchase_order_id:references:purchase_orders task_id:references:tasks"`,
    )
    const cascading = 'references purchase_orders (tenant_id, id)'
    replaceIn('migrations/0005_order_lines.up.sql', cascading, `${cascading} on delete cascade`)
    await app.run('npm run generate')
    await app.run('npm run check')
  })

  test('passes its whole suite, every sweep included, and then matches the records', async () => {
    expect(await app.run('npm test -- -u')).toMatch(/Test Files +5 passed/)
    const [access, schema] = [read('records/access.md'), read('records/schema.md')]
    expect(access).toContain('| POST /api/invoices | invoices:create |')
    expect(access).toContain('| DELETE /api/purchase-orders/:purchase_order_id |')
    expect(schema).toContain('- invoices: app_own_tenant')
    expect(schema).toContain('purchase_orders(tenant_id, id) ON DELETE CASCADE')
    await app.run(accessSweep)
  })

  test('names a fault that a sweep finds in the words of the app, without paths of the kernel', async () => {
    const before = read('src/app.ts')
    writeFileSync(join(app.folder, 'src/leaks.ts'), LEAKING_ROUTE)
    replaceIn('src/app.ts', 'import', "import { leaks } from './leaks.ts'\nimport")
    replaceIn('src/app.ts', 'routes: [', 'routes: [...leaks, ')
    const sweep = 'npx vitest run src/sweep.test.ts -t "sends its inputs|neither shows"'
    const said = await app.run(sweep).then(() => 'no fault', String)
    expect(said).toContain(
      'GET /api/leaks: ?q= is in the text of a statement; pass it as a parameter',
    )
    expect(said).toContain(
      'GET /api/leaks: ?code= is not attacked; give a text that its schema accepts',
    )
    expect(said).not.toMatch(/node_modules\/tenantry|packages\/server|starter\//)
    writeFileSync(join(app.folder, 'src/app.ts'), before)
    rmSync(join(app.folder, 'src/leaks.ts'))
  })

  test('rejects a resource whose name is taken, and writes nothing', async () => {
    const attempt = (name: string) => app.run(`npx tenantry new resource ${name} --fields "a:text"`)
    await expect(attempt('invoices')).rejects.toThrow('there is a route GET /api/invoices')
    await expect(attempt('members')).rejects.toThrow("it is one of the kernel's own")
    await expect(attempt('permissions')).rejects.toThrow('there is a route GET /api/permissions')
    expect(readdirSync(join(app.folder, 'migrations'))).toHaveLength(10)
  })
})

/** A program that lists the members of the tenant of localhost, by the typed client. */
function clientOf(port: number): string {
  return [
    `import { createClient, tokens } from 'tenantry-client'`,
    `const api = createClient({ origin: 'http://127.0.0.1:${port}', session: tokens() })`,
    `await api.signIn({ email: 'admin@public.com', password: 'admin123' })`,
    `for await (const { email } of api.items('/api/members')) console.log(email)`,
  ].join(';')
}

/** What the commands of the README's tour print, on this port. */
async function tourOf(port: number): Promise<string[]> {
  const blocks = [...read('README.md').matchAll(/^ {3}```sh\n([\s\S]*?)^ {3}```$/gm)]
  const script = blocks.map(([, it = '']) => it).join('\n')
  const apart = script.replaceAll(/^ {3}curl /gm, 'echo; curl ').replaceAll(':8000', `:${port}`)
  writeFileSync(join(app.folder, 'node_modules/tour.sh'), apart)
  const said = await app.run('sh node_modules/tour.sh')
  return said.split('\n').filter((it) => it.startsWith('{'))
}

/** Does a link of a page lead to a file of the app, and to a heading in it? */
function leadsSomewhere(page: string, link: string): boolean {
  const [path = '', heading] = link.split('#')
  const target = path === '' ? page : join(dirname(page), path)
  if (!existsSync(join(app.folder, target))) return false
  if (heading === undefined) return true
  const headings = [...read(target).matchAll(/^#+ (.*)$/gm)].map(([, it = '']) => it.toLowerCase())
  return headings.some((it) => it.replaceAll(/[^\w -]/g, '').replaceAll(' ', '-') === heading)
}

const LEAKING_ROUTE = `
import { sql } from 'kysely'
import { z } from 'zod'
import { get } from './policy.ts'

export const leaks = [
  get('/api/leaks', {
    access: 'projects:read',
    summary: 'A route with a fault',
    query: z.object({ q: z.string().optional(), code: z.string().regex(/^[A-Z]-[0-9]$/).optional() }),
    handle: async ({ db }, { query }) => {
      await sql\`select \${sql.raw(\`'\${query.q ?? ''}'\`)}\`.execute(db)
    },
  }),
]
`

async function portOf(stdout: NodeJS.ReadableStream): Promise<number> {
  let said = ''
  for await (const chunk of stdout) {
    said += String(chunk)
    const [, port] = /ready at http:\/\/127\.0\.0\.1:(\d+)/.exec(said) ?? []
    if (port === undefined) continue
    return Number(port)
  }
  throw new Error(`it ended before it was ready:\n${said}`)
}
