import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { expect, test } from 'vitest'
import { sharedDatabase } from '../../../test/fixtures/databases.ts'
import { withDatabase } from '../connect/dsn.ts'
import { planProvisioning } from './plan.ts'
import { acceptsPassword, probeServer } from './probe.ts'

test('a pooler is recognised, and the set-up rejects it', async () => {
  const { admin } = sharedDatabase()
  const pooler = await startPooler(admin)
  expect((await probeServer(admin, 'DB_URL')).pooled).toBe(false)
  expect((await probeServer(pooler.url, 'DB_URL')).pooled).toBe(true)
  const plan = planProvisioning({
    adminUrl: pooler.url,
    setting: 'DB_URL',
    derive: true,
    unknownPasswords: 'reject',
  })
  await expect(plan).rejects.toThrow(/^DB_URL: .* is a connection pooler such as PgBouncer/)
  pooler.close()
})

test('a password counts as accepted even if its role may not connect', async () => {
  const { app } = sharedDatabase()
  expect(await acceptsPassword(app)).toBe(true)
  expect(await acceptsPassword(withDatabase(app, 'nowhere'))).toBe(true)
  const wrong = new URL(app)
  wrong.password = 'wrong'
  expect(await acceptsPassword(wrong.href)).toBe(false)
})

/** Forwards everything, but replaces the server's process id, as poolers do. */
async function startPooler(url: string) {
  const { hostname, port } = new URL(url)
  const server = createServer((client) => {
    const behind = connect(Number(port), hostname)
    client.on('error', () => {}).on('close', () => behind.destroy())
    behind.on('error', () => {}).on('close', () => client.destroy())
    client.pipe(behind)
    behind.on('data', (bytes) => client.write(withOtherProcessId(bytes)))
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
