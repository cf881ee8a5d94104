import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { send } from '../../src/testing/http_client.ts'
import { carryOut, stepsOf } from './guide.ts'
import { makePackedApp, type PackedApp } from './packed_app.ts'

let app: PackedApp
beforeAll(async () => {
  app = await makePackedApp('my-app')
}, 300_000)
afterAll(() => app.remove())

const read = (path: string) => readFileSync(join(app.folder, path), 'utf8')
const replaceIn = (path: string, from: string, to: string) =>
  writeFileSync(join(app.folder, path), read(path).replace(from, to))

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

  test('has Compose files with its name, and secrets for them', () => {
    expect(read('deploy/compose.yaml')).toMatch(/^name: my-app$/m)
    expect(read('deploy/compose.yaml')).toContain(
      'context: ..\n    dockerfile: deploy/Dockerfile\n',
    )
    expect(read('deploy/.env')).toMatch(/^(\w+_(KEY|PASSWORD)=[0-9a-f]{64}\n){6}$/m)
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

  test('compiles, and its generated files are current', async () => {
    await app.run('npm run check')
    expect(await app.run('npm run generate -- --check')).not.toContain('not current')
  })

  test('starts with its own database and signs a user in', async () => {
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
    server.kill('SIGTERM')
    const [code] = await once(server, 'close')
    expect([reply.status, reply.json.tenant, code]).toEqual([200, 'client1', 0])
  })

  test('accepts the resource of the guide, followed literally', async () => {
    const steps = stepsOf(read('docs/adding-a-resource.md'))
    expect(steps.filter(({ kind }) => kind === 'file')).toHaveLength(5)
    expect(steps.filter(({ kind }) => kind === 'lines')).toHaveLength(3)
    // Few rows, for the starter's own tests sweep the plans at full size.
    replaceIn('src/sweep.test.ts', 'records:', 'planRows: 50, records:')
    // The page runs the tests twice; the last time is enough, for both of its resources.
    const tests = 'npm test -- -u'
    for (const step of steps) {
      if (step.kind !== 'command') carryOut(app.folder, step)
      else if (step.line === 'npm test') {
        // The records are not written yet, and the page says that this reports what changes.
        await expect(app.run(step.line)).rejects.toThrow(/may now POST \/api\/invoices/)
      } else if (step.line !== tests) await app.run(step.line)
    }
    await app.run(tests)
    expect(read('records/access.md')).toContain('| POST /api/invoices | invoices:create |')
    expect(read('records/schema.md')).toContain('- invoices: app_own_tenant')
    expect(read('src/tables.ts')).toContain("state: ColumnType<'draft' | 'sent' | 'paid',")
    await app.run('npm run check')
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
    await app.run('npm test -- -u')
    expect(read('records/access.md')).toContain(
      '| DELETE /api/purchase-orders/:purchase_order_id |',
    )
    expect(read('records/schema.md')).toContain('purchase_orders(tenant_id, id) ON DELETE CASCADE')
  })

  test('rejects a resource whose name is taken, and writes nothing', async () => {
    const attempt = (name: string) => app.run(`npx tenantry new resource ${name} --fields "a:text"`)
    await expect(attempt('invoices')).rejects.toThrow('there is a route GET /api/invoices')
    await expect(attempt('members')).rejects.toThrow("it is one of the kernel's own")
    await expect(attempt('permissions')).rejects.toThrow('there is a route GET /api/permissions')
    expect(readdirSync(join(app.folder, 'migrations'))).toHaveLength(10)
  })

  test('passes its whole suite, every sweep included, against the records', async () => {
    const said = await app.run('npm test')
    expect(said).toMatch(/Test Files +5 passed/)
  })
})

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
