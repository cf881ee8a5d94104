import { randomBytes, randomUUID } from 'node:crypto'
import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { onMigratedDatabase } from '../../../test/fixtures/databases.ts'
import { type DnsServer, startDnsServer } from '../../../test/fixtures/dns_server.ts'
import { freePort } from '../../../test/fixtures/free_port.ts'
import { startTlsServer } from '../../../test/fixtures/tls_server.ts'
import { loadConfig } from '../../config/config.ts'
import { withClient } from '../../db/connect/with_client.ts'
import { openDatabase } from '../../db/open_database.ts'
import { checkDomains } from './domains.ts'

const TARGET = 'edge.example.net'

let dns: DnsServer
let tls: Awaited<ReturnType<typeof startTlsServer>>
beforeAll(async () => {
  dns = await startDnsServer()
  tls = await startTlsServer((name) => name !== 'none.shop.example')
  dns.set(TARGET, { a: ['127.0.0.1'] })
})
afterAll(async () => {
  await tls.close()
  await dns.close()
})

interface Row {
  name: string
  points_here?: boolean
  state?: string
  /** Hours since the last check. */
  checked?: number
}

/** What doctor says about domains that lead to a tenant, where there is also one that is not verified. */
function said(rows: Row[], settings: Record<string, string> = {}): Promise<string[]> {
  return onMigratedDatabase(async (urls) => {
    const config = loadConfig({
      ...{ NODE_ENV: 'production', SECRET_KEY: randomBytes(32).toString('hex') },
      ...{ DB_URL: urls.app, DB_IDENTITY_URL: urls.identity, DB_JOBS_URL: urls.jobs },
      ...{ BASE_DOMAINS: 'app.test', PUBLIC_ORIGIN: `https://{tenant}.app.test:${tls.port}` },
      ...{ DOMAIN_TARGET: TARGET, DNS_SERVERS: dns.address, INTERNAL_PORT: '8002', ...settings },
    })
    await withClient(urls.platform, (client) => insertDomains(client, rows))
    const opened = openDatabase(config, () => {})
    try {
      const checks = await checkDomains(config, opened.database)
      return checks.map(({ name, state, detail }) => `${state} ${name}: ${detail}`)
    } finally {
      await opened.close()
    }
  })
}

async function insertDomains(client: pg.Client, rows: Row[]): Promise<void> {
  const tenant = randomUUID()
  await client.query(
    "insert into tenantry.tenants (id, name, subdomain, code) values ($1, 'A', 'acme', 'ACME')",
    [tenant],
  )
  await client.query(
    `insert into tenantry.domains (tenant_id, id, name, proof)
     values ($1, gen_random_uuid(), 'pending.shop.example', repeat('1', 32))`,
    [tenant],
  )
  for (const { name, state = 'verified', points_here = true, checked = 0 } of rows) {
    await client.query(
      `insert into tenantry.domains (tenant_id, id, name, proof, state, points_here, checked_at, failing_since,
         verified_at, proof_seen_at)
       values ($1, gen_random_uuid(), $2, repeat('0', 32), $3, $4, now() - make_interval(hours => $5),
         case when $3 = 'failing' then now() end, now(), now())`,
      [tenant, name, state, points_here, checked],
    )
  }
}

test('doctor is content with no domain, and where there is no certificate to ask for', async () => {
  expect(await said([])).toEqual(['ok domains: 0 lead to a tenant'])
  // In development nothing has a certificate.
  const plain = { NODE_ENV: 'development', PUBLIC_ORIGIN: 'http://{tenant}.app.test' }
  expect(await said([{ name: 'a.shop.example' }], plain)).toEqual([
    'ok domains: 1 lead to a tenant',
  ])
})

test('doctor names the domains that fail, lead elsewhere or have no valid certificate', async () => {
  const gone = ['f1', 'f2', 'f3', 'f4', 'f5', 'f6'].map((it) => ({
    ...{ name: `${it}.shop.example`, state: 'failing', points_here: false },
  }))
  const rows = [
    ...gone,
    ...[{ name: 'self.shop.example' }, { name: 'none.shop.example' }, { name: 'other.example' }],
    { name: 'late.shop.example', checked: 49 },
  ]
  expect(await said(rows, { INTERNAL_PORT: '' })).toEqual([
    `warn domains: 6 without their TXT record (f1.shop.example, f2.shop.example, f3.shop.example,
      f4.shop.example, f5.shop.example, ...): see \`tenantry domain list\``.replaceAll(/\s+/g, ' '),
    'warn domains: 1 not checked for 48 hours: does a worker run?',
    expect.stringMatching(/^warn domains: 6 do not lead here \(f1\.shop\.example, .*\.\.\.\): /),
    expect.stringContaining('INTERNAL_PORT is not set'),
    expect.stringMatching(
      / no valid certificate \(DEPTH_ZERO_SELF_SIGNED_CERT\): .*other\.example/,
    ),
    'warn domains: no valid certificate (ECONNRESET): none.shop.example',
  ])
})

test('doctor says what it cannot find out', async () => {
  const rows = [{ name: 'a.shop.example' }, { name: 'b.shop.example' }]
  const closed = `https://{tenant}.app.test:${await freePort()}`
  expect(await said(rows, { PUBLIC_ORIGIN: closed })).toEqual([
    expect.stringMatching(
      /^warn domains: this machine cannot ask for the certificate \(ECONNREFUSED\): [ab]\.shop\.example, [ab]/,
    ),
  ])
  const nowhere = { DOMAIN_TARGET: 'gone.example.net' }
  expect(await said(rows, nowhere)).toEqual([
    expect.stringContaining('DOMAIN_TARGET gone.example.net has no address in the DNS'),
  ])
})
