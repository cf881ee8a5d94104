import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import { sharedDatabase } from '../../../test/fixtures/databases.ts'
import { withDatabase } from '../connect/dsn.ts'
import { planProvisioning } from './plan.ts'
import { acceptsPassword, isPooled } from './probe.ts'

test('a pooler is recognised, and the set-up rejects it', async () => {
  const { admin } = sharedDatabase()
  const pooler = await startProxy(admin, { connections: 1 })
  expect(await isPooled(admin, 'DB_URL')).toBe(false)
  expect(await isPooled(pooler.url, 'DB_URL')).toBe(true)
  const plan = planProvisioning({
    adminUrl: pooler.url,
    setting: 'DB_URL',
    derive: true,
    unknownPasswords: 'reject',
  })
  await expect(plan).rejects.toThrow(/^DB_URL: .* is a connection pooler such as PgBouncer/)
  pooler.close()
}, 60_000)

test('a direct endpoint that announces a key of its own is no pooler', async () => {
  const proxy = await startProxy(sharedDatabase().admin, { ownKeys: true })
  expect(await isPooled(proxy.url, 'DB_URL')).toBe(false)
  proxy.close()
})

test('a password counts as accepted even if its role may not connect', async () => {
  const { app } = sharedDatabase()
  expect(await acceptsPassword(app)).toBe(true)
  expect(await acceptsPassword(withDatabase(app, 'nowhere'))).toBe(true)
  const wrong = new URL(app)
  wrong.password = 'wrong'
  expect(await acceptsPassword(wrong.href)).toBe(false)
})

interface Behaviour {
  /** Replaces the process id and the key that the server sends, as providers do. */
  ownKeys?: boolean
  /** Only the newest connection is forwarded, as by a pooler whose one server connection is in use. */
  connections?: 1
}

async function startProxy(url: string, { ownKeys = false, connections }: Behaviour) {
  const { hostname, port } = new URL(url)
  const clients: Socket[] = []
  const server = createServer((client) => {
    const behind = connect(Number(port), hostname)
    if (connections === 1) clients.at(-1)?.pause()
    clients.push(client)
    client.on('error', () => {}).on('close', () => behind.destroy())
    behind.on('error', () => {}).on('close', () => client.destroy())
    client.pipe(behind)
    behind.on('data', (bytes) => client.write(ownKeys ? withOtherProcessId(bytes) : bytes))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const through = new URL(url)
  through.port = String((server.address() as AddressInfo).port)
  return { url: through.href, close: () => server.close() }
}

// BackendKeyData: 'K', its length, the process id, the secret.
function withOtherProcessId(bytes: Buffer): Buffer {
  for (let at = 0; at + 9 <= bytes.length; at += 1 + bytes.readInt32BE(at + 1)) {
    if (bytes[at] === 0x4b) bytes.writeInt32BE(bytes.readInt32BE(at + 5) ^ 0x5555, at + 5)
  }
  return bytes
}
