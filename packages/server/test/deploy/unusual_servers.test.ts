import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, onTestFinished, test } from 'vitest'
import { withDatabase } from '../../src/db/connect/dsn.ts'
import { withClient } from '../../src/db/connect/with_client.ts'
import { startEmbedded } from '../../src/db/embedded/embedded.ts'
import { histories, migrateUp } from '../../src/db/migrations/migrate.ts'
import { randomPasswords } from '../../src/db/provisioning/passwords.ts'
import { provisionDatabase } from '../../src/db/provisioning/provision.ts'
import { send } from '../../src/testing/http_client.ts'
import { makeWorkplace } from '../fixtures/cli.ts'
import { appMigrations, sharedDatabase } from '../fixtures/databases.ts'

const place = makeWorkplace()
afterAll(() => place.remove())

const production = {
  NODE_ENV: 'production',
  SECRET_KEY: randomBytes(32).toString('base64'),
  BASE_DOMAINS: 'example.com',
  PUBLIC_ORIGIN: 'https://{tenant}.example.com',
  WORKER: 'off',
}

test.each(['SQL_ASCII', 'LATIN1'])('start and doctor reject a database in %s', async (encoding) => {
  const { admin, app, identity } = sharedDatabase()
  const name = `tenantry_test_${randomBytes(6).toString('hex')}`
  await query(
    admin,
    `create database ${name} owner tenantry_owner template template0 encoding '${encoding}'
     locale_provider libc lc_collate 'C' lc_ctype 'C'`,
  )
  onTestFinished(async () => {
    await query(admin, `drop database ${name} with (force)`)
  })
  const DSNs = { DB_URL: withDatabase(app, name), DB_IDENTITY_URL: withDatabase(identity, name) }
  const { code, stderr } = await place.run('start', { ...production, ...DSNs })
  expect([code, stderr]).toEqual([
    1,
    expect.stringMatching(
      new RegExp(`^tenantry: DB_IDENTITY_URL: its encoding is ${encoding}, .*\n$`),
    ),
  ])
  const { stdout } = await place.run('doctor', DSNs)
  expect(stdout).toMatch(new RegExp(`FAIL +encoding +its encoding is ${encoding}`))
})

test('a standby serves reads and says what it is; nothing is set up or migrated on it', async () => {
  const { adminUrl, urls } = await startStandby()
  const { app: DB_URL, identity: DB_IDENTITY_URL, owner: DB_OWNER_URL } = urls
  const server = place.launch('start', { ...production, DB_URL, DB_IDENTITY_URL })
  const [, port] = await server.says(/"url":"http:\/\/127\.0\.0\.1:(\d+)",.*"msg":"listening"/)
  const headers = { host: 'nowhere.example.com' }
  expect((await send(Number(port), { path: '/', headers })).status).toBe(404)
  server.process.kill('SIGTERM')
  expect((await server.finished).code).toBe(0)

  const { stdout } = await place.run('doctor', { DB_URL, DB_IDENTITY_URL })
  expect(stdout).toMatch(/WARN +primary +a read-only standby: writes get 503 until it is promoted/)

  const setUp = await place.run('setup', {
    ...production,
    DB_ADMIN_URL: withDatabase(adminUrl, 'app'),
  })
  expect([setUp.code, setUp.stderr]).toEqual([
    1,
    expect.stringMatching(
      /^tenantry: DB_ADMIN_URL: .* is a read-only standby: use the primary's DSN\n$/,
    ),
  ])
  const on = (url: string) => withDatabase(url, 'unmigrated')
  const unmigrated = {
    DB_URL: on(DB_URL),
    DB_IDENTITY_URL: on(DB_IDENTITY_URL),
    DB_OWNER_URL: on(DB_OWNER_URL),
  }
  const behind = await place.run('start', unmigrated)
  expect([behind.code, behind.stderr]).toEqual([
    1,
    expect.stringMatching(
      /^tenantry: the database is behind .* migrate up, with the DSN of the primary\n$/,
    ),
  ])
}, 120_000)

test("the variables of a developer's shell change no start of the embedded server", async () => {
  const server = place.launch('start', {
    PGHOST: 'nowhere.invalid',
    PGPORT: '1',
    PGUSER: 'nobody',
    PGPASSWORD: 'wrong',
    PGDATABASE: 'nowhere',
    PGSSLMODE: 'verify-full',
    PGOPTIONS: '-c datestyle=German -c search_path=nowhere',
    PGTZ: 'Asia/Tokyo',
    PGDATESTYLE: 'German',
  })
  const [, port] = await server.says(/ready at http:\/\/127\.0\.0\.1:(\d+)/)
  const signIn = await send(Number(port), {
    method: 'POST',
    path: '/api/auth/login',
    headers: { host: 'client1.localhost' },
    body: { email: 'admin@client1.com', password: 'admin123' },
  })
  expect([signIn.status, signIn.json.tenant]).toEqual([200, 'client1'])
  server.process.kill('SIGTERM')
  expect((await server.finished).code).toBe(0)
}, 120_000)

const query = (url: string, sql: string) => withClient(url, (client) => client.query(sql))

/** A hot standby: a copy of a stopped primary that waits for WAL, with a migrated database and another one. */
async function startStandby() {
  const dataDir = mkdtempSync(join(tmpdir(), 'tenantry-standby-'))
  onTestFinished(() => rmSync(dataDir, { recursive: true, force: true }))
  const primary = await startEmbedded({ dataDir })
  const { adminUrl } = primary
  const passwords = randomPasswords()
  const urls = await provisionDatabase({ adminUrl, database: 'app', passwords })
  await provisionDatabase({ adminUrl, database: 'unmigrated', passwords: {} })
  await migrateUp(urls.owner, histories(appMigrations))
  await primary.stop()
  writeFileSync(join(primary.dataFolder, 'standby.signal'), '')
  const standby = await startEmbedded({ dataDir })
  onTestFinished(standby.stop)
  const { host } = new URL(standby.adminUrl)
  const moved = Object.entries(urls).map(([role, url]) => [
    role,
    Object.assign(new URL(url), { host }).href,
  ])
  return { adminUrl: standby.adminUrl, urls: Object.fromEntries(moved) as typeof urls }
}
