import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { insertSample, type Sample } from '../../../test/database/sample_rows.ts'
import { makeWorkplace, type Workplace } from '../../../test/fixtures/cli.ts'
import { asRole, sharedDatabase } from '../../../test/fixtures/databases.ts'
import { type DnsServer, startDnsServer } from '../../../test/fixtures/dns_server.ts'
import { certificate, startTlsServer } from '../../../test/fixtures/tls_server.ts'

const { app, identity, platform } = sharedDatabase()

let dns: DnsServer
let tls: Awaited<ReturnType<typeof startTlsServer>>
let place: Workplace
let sample: Sample
let subdomain: string
beforeAll(async () => {
  dns = await startDnsServer()
  dns.set('edge.example.net', { a: ['127.0.0.1'] })
  tls = await startTlsServer((name) => name.endsWith('.shop.example'))
  place = makeWorkplace()
  place.write('ca.pem', certificate)
  sample = await asRole('platform', insertSample)
  subdomain = String(sample.rows['tenantry.tenants']?.['subdomain'])
})
afterAll(async () => {
  await place.remove()
  await tls.close()
  await dns.close()
})

const run = (command: string) =>
  place.run(command, {
    ...{ NODE_ENV: 'production', BASE_DOMAINS: 'app.test', NODE_EXTRA_CA_CERTS: 'ca.pem' },
    PUBLIC_ORIGIN: `https://{tenant}.app.test:${tls.port}`,
    DB_URL: app,
    DB_IDENTITY_URL: identity,
    DB_PLATFORM_URL: platform,
    DNS_SERVERS: dns.address,
    DOMAIN_TARGET: 'edge.example.net',
  })

test('tenantry domain adds, checks, lists and removes', { timeout: 120_000 }, async () => {
  const name = `d-${randomBytes(5).toString('hex')}.shop.example`
  const added = JSON.parse(
    (await run(`domain add ${subdomain} ${name.toUpperCase()} --json`)).stdout,
  )
  expect(added).toMatchObject({
    name,
    record: { name: `_tenantry.${name}` },
    target: 'edge.example.net',
  })
  expect((await run(`domain check ${name}`)).stdout).toBe(
    `${name} of tenant ${subdomain} is pending (missing)
  it does not lead here: set a CNAME record to edge.example.net\n`,
  )
  dns.set(name, { a: ['127.0.0.1'] })
  dns.set(added.record.name, { txt: [[added.record.value]] })
  expect((await run(`domain check ${name}`)).stdout).toMatch(
    new RegExp(
      `^${name} of tenant ${subdomain} is verified\n  certificate: valid until 2126-\\d\\d-\\d\\d\n$`,
    ),
  )
  const list = (await run(`domain list --tenant ${subdomain}`)).stdout
  expect(list).toMatch(new RegExp(`${name} +${subdomain} +verified`))
  expect(list).not.toContain(added.record.value)
  expect((await run(`domain remove ${subdomain} ${name}`)).stdout).toContain(`removed ${name}`)
  const { rows } = await asRole('platform', (it) =>
    it.query(
      `select action from tenantry.audit_logs where tenant_id = $1 and entity_id = $2 order by id`,
      [sample.tenantId, added.id],
    ),
  )
  expect(rows.map((it) => it.action)).toEqual([
    'domains.create',
    'domains.verify',
    'domains.delete',
  ])
})

test('tenantry domain says what is wrong', { timeout: 90_000 }, async () => {
  expect((await run(`domain add ${subdomain} co.uk`)).stderr).toContain('public suffix')
  expect((await run('domain add nobody-has-this a.example')).stderr).toContain('there is no tenant')
  expect((await run('domain check unknown.example')).stderr).toContain('there is no domain')
  expect((await run(`domain remove ${subdomain} unknown.example`)).code).toBe(1)
})
