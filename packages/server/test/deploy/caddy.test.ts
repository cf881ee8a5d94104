import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { connect as connectTcp } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect, type TLSSocket } from 'node:tls'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { serveInternal } from '../../src/http/endpoints/internal_server.ts'
import type { SeparateListener } from '../../src/lib/net/separate_listener.ts'
import { certificateRoutes } from '../../src/modules/domains/certificates.ts'
import { startTestApp, type TestApp, type TestTenant } from '../../src/testing.ts'
import { app } from '../fixtures/app/app.ts'
import { domainRow } from '../fixtures/domain_row.ts'
import { freePort } from '../fixtures/free_port.ts'
import { deployFolder } from './compose_files.ts'

// Debian's Caddy with the recipe of starter/deploy, and an authority of its own in place of Let's Encrypt.
let api: TestApp
let internal: SeparateListener
let tenant: TestTenant
let folder: string
let caddy: ChildProcess
let port: number
beforeAll(async () => {
  api = await startTestApp(app, { TRUST_PROXY: '127.0.0.1' })
  internal = await serveInternal(certificateRoutes(api.database), { port: 0, host: '127.0.0.1' })
  tenant = await api.makeTenant({ name: 'Acme' })
  folder = await mkdtemp(join(tmpdir(), 'tenantry-caddy-'))
  port = await freePort()
  const file = join(folder, 'Caddyfile')
  await writeFile(file, hereOnly(await readFile(join(deployFolder, 'Caddyfile'), 'utf8')))
  const args = ['run', '--config', file, '--adapter', 'caddyfile']
  const env = { ...process.env, HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder }
  const program = process.env['TENANTRY_CADDY'] ?? ''
  caddy = spawn(program, args, { env, stdio: ['ignore', 'ignore', 'inherit'] })
  await untilReady()
})
afterAll(async () => {
  if (caddy?.exitCode === null) {
    caddy.kill('SIGTERM')
    await once(caddy, 'close')
  }
  await internal?.close()
  await api?.close()
  if (folder !== undefined) await rm(folder, { recursive: true, force: true })
})

// Caddy makes its authority before it listens.
async function untilReady(): Promise<void> {
  while (caddy.exitCode === null) {
    const socket = connectTcp(port, '127.0.0.1')
    const isOpen = await once(socket, 'connect').then(
      () => true,
      () => false,
    )
    socket.destroy()
    if (isOpen && (await root()) !== '') return
    await sleep(100)
  }
  throw new Error(`Caddy ended with ${caddy.exitCode}`)
}

/** The recipe on the ports of this test. The wildcard's certificate needs a plugin that Debian does not have. */
function hereOnly(recipe: string): string {
  const [global = '', ...rest] = recipe.split('\n}\n')
  const everyOtherName = rest.find((it) => it.includes('https://'))
  if (everyOtherName === undefined) throw new Error('the Caddyfile has no block for other names')
  const settings = ['local_certs', 'skip_install_trust', 'admin off', `https_port ${port}`]
  const options = [...settings, 'auto_https disable_redirects', 'default_bind 127.0.0.1']
  const text = [`${global}\n\t${options.join('\n\t')}`, everyOtherName, ''].join('\n}\n')
  const [app, ask] = ['127.0.0.1:8000', '127.0.0.1:8100']
  if (!text.includes(app) || !text.includes(ask)) throw new Error('the recipe has other ports')
  return text.replaceAll(app, `127.0.0.1:${api.port}`).replaceAll(ask, `127.0.0.1:${internal.port}`)
}

const root = () =>
  readFile(join(folder, 'caddy/pki/authorities/local/root.crt'), 'utf8').catch(() => '')

/** The head and body of `GET path` by TLS, with the certificate checked for that name. Rejects without one. */
async function get(name: string, path: string): Promise<string> {
  const ca = await root()
  return new Promise((resolve, reject) => {
    const socket: TLSSocket = connect({ port, host: '127.0.0.1', servername: name, ca })
    let text = ''
    socket.on('error', reject)
    socket.on('data', (chunk) => {
      text += chunk
    })
    socket.on('close', () => resolve(text))
    socket.on('secureConnect', () =>
      socket.write(`GET ${path} HTTP/1.1\r\nHost: ${name}\r\nConnection: close\r\n\r\n`),
    )
  })
}

async function addDomain(change: object = {}): Promise<string> {
  const name = `d-${randomBytes(5).toString('hex')}.example`
  await api.database.acrossTenants('test', (db) =>
    db
      .insertInto('tenantry.domains')
      .values({ ...domainRow(name, tenant.id), ...change })
      .execute(),
  )
  return name
}

test('Caddy gets a certificate for a verified domain at its first request, and the tenant is served', async () => {
  const name = await addDomain()
  const reply = await get(name, '/api/branding')
  expect(reply).toMatch(/^HTTP\/1\.1 200 /)
  expect(reply).toContain('"tenant_name":"Acme"')
})

test('Caddy gets none for a name that is not proven, and its clients no connection', async () => {
  const unproven = { state: 'pending', verified_at: null, proof_seen_at: null }
  for (const name of [await addDomain(unproven), 'unknown.example', tenant.host]) {
    await expect(get(name, '/'), name).rejects.toThrow()
  }
})
