import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { app } from '../../../test/fixtures/app/app.ts'
import { asRole } from '../../../test/fixtures/databases.ts'
import {
  type DnsRecords,
  type DnsServer,
  startDnsServer,
} from '../../../test/fixtures/dns_server.ts'
import { tokenAt } from '../../../test/fixtures/token_at.ts'
import { startTestApp, type TestApp, type TestTenant, type TestUser } from '../../testing.ts'

let dns: DnsServer
let api: TestApp
beforeAll(async () => {
  dns = await startDnsServer()
  dns.set('edge.app.test', { a: ['192.0.2.7'] })
  api = await startTestApp(app, {
    DNS_SERVERS: dns.address,
    DOMAIN_TARGET: 'edge.app.test',
    SECRET_KEY: 'k'.repeat(48),
  })
})
afterAll(async () => {
  await api.close()
  await dns.close()
})

const newName = () => `d-${randomBytes(6).toString('hex')}.example`

interface Team {
  tenant: TestTenant
  admin: TestUser
  send(
    method: string,
    path: string,
    body?: object,
    headers?: Record<string, string>,
  ): ReturnType<TestTenant['send']>
}

async function makeTeam(): Promise<Team> {
  const tenant = await api.makeTenant({ name: 'Acme' })
  const admin = await tenant.makeUser({ roles: ['admin_tenant'] })
  const send: Team['send'] = (method, path, body, headers = {}) =>
    tenant.send({ method, path, user: admin, body, headers })
  return { tenant, admin, send }
}

interface Domain {
  id: string
  name: string
  state: string
  problem: string | null
  checked_at: string | null
  record: { name: string; value: string }
}

async function add(team: Team, name = newName()): Promise<Domain> {
  const reply = await team.send('POST', '/api/domains', { name })
  expect(reply.status).toBe(201)
  await expect.poll(async () => (await read(team, reply.json)).checked_at).not.toBeNull()
  return reply.json
}

const read = async (team: Team, { id }: Pick<Domain, 'id'>): Promise<Domain> =>
  (await team.send('GET', `/api/domains/${id}`)).json

/** Sets the records of the proof, has the domain checked, and returns it. */
async function checkWith(team: Team, domain: Domain, records: DnsRecords | undefined) {
  dns.set(domain.record.name, records)
  const before = await read(team, domain)
  const asked = await team.send('POST', `/api/domains/${domain.id}/check`)
  expect(asked.status).toBe(202)
  await expect
    .poll(async () => (await read(team, domain)).checked_at, { timeout: 15_000 })
    .not.toBe(before.checked_at)
  await api.running.settle()
  return read(team, domain)
}

const proofOf = ({ record }: Domain): DnsRecords => ({ txt: [[record.value]] })

async function addVerified(team: Team, name = newName(), address = '192.0.2.7'): Promise<Domain> {
  dns.set(name, { a: [address] })
  const domain = await add(team, name)
  expect((await checkWith(team, domain, proofOf(domain))).state).toBe('verified')
  return domain
}

const shift = (domain: Domain, column: string, age: string) =>
  asRole('platform', (client) =>
    client.query(`update tenantry.domains set ${column} = now() - $2::interval where id = $1`, [
      domain.id,
      age,
    ]),
  )

/** The subdomain of the tenant that a host leads to. */
async function tenantAt(host: string, { admin }: Team): Promise<number> {
  const headers = { authorization: `Bearer ${tokenAt(api, admin, host)}` }
  return (await api.send(host, { path: '/api/auth/me', headers })).status
}

async function actsOn(team: Team, domain: Domain): Promise<string[]> {
  const { json } = await team.send('GET', `/api/audit-logs?entity=domains&limit=100`)
  return json.items
    .filter((it: { entity_id: string }) => it.entity_id === domain.id)
    .map((it: { action: string }) => it.action)
}

describe('a domain', () => {
  test('leads to its tenant as soon as its TXT record is found, and not before', async () => {
    const team = await makeTeam()
    const name = newName()
    const created = await team.send('POST', '/api/domains', { name: ` ${name.toUpperCase()}. ` })
    expect(created.headers['location']).toBe(`/api/domains/${created.json.id}`)
    expect(created.json).toMatchObject({
      ...{ name, state: 'pending', is_primary: false, target: 'edge.app.test', problem: null },
      record: { type: 'TXT', name: `_tenantry.${name}` },
    })
    expect(created.json.record.value).toMatch(/^tenantry=[0-9a-f]{32}$/)
    const domain: Domain = created.json
    expect(await checkWith(team, domain, undefined)).toMatchObject({ problem: 'missing' })
    const other = { txt: [['v=spf1 -all'], ['tenantry=0123']] }
    expect(await checkWith(team, domain, other)).toMatchObject({
      ...{ state: 'pending', problem: 'different' },
    })
    expect(await tenantAt(name, team)).toBe(404)
    const both = { txt: [['v=spf1 -all'], [domain.record.value]] }
    expect(await checkWith(team, domain, both)).toMatchObject({ state: 'verified', problem: null })
    expect(await tenantAt(name, team)).toBe(200)
    expect(await actsOn(team, domain)).toEqual(
      expect.arrayContaining(['domains.create', 'domains.check', 'domains.verify']),
    )
  })

  test('is in its canonical form, also where it is written in its own script', async () => {
    const team = await makeTeam()
    const label = randomBytes(4).toString('hex')
    const { json } = await team.send('POST', '/api/domains', { name: `bücher-${label}.example` })
    expect(json.name).toMatch(/^xn--bcher-/)
    const again = await team.send('POST', '/api/domains', { name: json.name })
    expect([again.status, again.json.code]).toEqual([409, 'domain.exists'])
  })

  test.each(['co.uk', '192.0.2.1', 'acme.app.test', 'app.test', 'localhost', 'a b.example', ''])(
    'cannot be %j',
    async (name) => {
      const reply = await (await makeTeam()).send('POST', '/api/domains', { name })
      expect([reply.status, reply.json.errors?.[0]?.pointer]).toEqual([422, '/name'])
    },
  )

  test('is one of twenty at most, also where thirty are added at once', async () => {
    const team = await makeTeam()
    const replies = await Promise.all(
      Array.from({ length: 30 }, () => team.send('POST', '/api/domains', { name: newName() })),
    )
    expect(replies.filter((it) => it.status === 201)).toHaveLength(20)
    const refused = replies.filter((it) => it.status !== 201)
    expect(new Set(refused.map((it) => it.json.code))).toEqual(new Set(['limit.reached']))
  })

  test('is checked sixty times an hour at most', async () => {
    const team = await makeTeam()
    const { id } = await add(team)
    const replies = await Promise.all(
      Array.from({ length: 65 }, () => team.send('POST', `/api/domains/${id}/check`)),
    )
    // A new domain is checked, too, and counts.
    expect(replies.filter((it) => it.status === 202)).toHaveLength(59)
    expect(replies.filter((it) => it.status === 429)).toHaveLength(6)
  })

  test('that was removed leads nowhere, and another tenant can prove it (TEN-9, TEN-10)', async () => {
    const [from, to] = [await makeTeam(), await makeTeam()]
    const domain = await addVerified(from)
    expect((await from.send('DELETE', `/api/domains/${domain.id}`)).status).toBe(204)
    expect(await tenantAt(domain.name, from)).toBe(404)
    await addVerified(to, domain.name)
    expect(await tenantAt(domain.name, to)).toBe(200)
    expect(await tenantAt(domain.name, from)).toBe(401)
  })
})

test('a domain that was removed is held for its tenant while its record is there', async () => {
  const [from, to] = [await makeTeam(), await makeTeam()]
  const former = await addVerified(from)
  await from.send('DELETE', `/api/domains/${former.id}`)
  const claim = await add(to, former.name)
  const both = { txt: [[former.record.value], [claim.record.value]] }
  expect(await checkWith(to, claim, both)).toMatchObject({ state: 'pending', problem: 'taken' })
  const again = await add(from, former.name)
  const all = { txt: [[former.record.value], [claim.record.value], [again.record.value]] }
  expect((await checkWith(from, again, all)).state).toBe('verified')
  await from.send('DELETE', `/api/domains/${again.id}`)
  // The owner of the DNS lets go of it.
  expect((await checkWith(to, claim, proofOf(claim))).state).toBe('verified')
})

describe('the primary domain', () => {
  test('is one of the verified ones, and only one', async () => {
    const team = await makeTeam()
    const [first, second, pending] = [
      await addVerified(team),
      await addVerified(team),
      await add(team),
    ]
    const choose = ({ id }: Domain, is_primary = true, headers = {}) =>
      team.send('PATCH', `/api/domains/${id}`, { is_primary }, headers)
    const refused = await choose(pending)
    expect([refused.status, refused.json.code]).toEqual([409, 'domain.unverified'])
    expect((await choose(first)).json.is_primary).toBe(true)
    const { etag = '' } = (await team.send('GET', `/api/domains/${second.id}`)).headers
    expect((await choose(second, true, { 'if-match': '"0"' })).status).toBe(412)
    expect((await choose(second, true, { 'if-match': etag })).status).toBe(200)
    const { items } = (await team.send('GET', '/api/domains')).json
    const primary = items.filter((it: { is_primary: boolean }) => it.is_primary)
    expect(primary.map((it: Domain) => it.name)).toEqual([second.name])
    expect((await choose(second, false)).json.is_primary).toBe(false)
  })

  test('leads here as far as the last check found, unless the person insists', async () => {
    const team = await makeTeam()
    const domain = await addVerified(team, newName(), '192.0.2.8')
    const choose = (force?: boolean) =>
      team.send('PATCH', `/api/domains/${domain.id}`, { is_primary: true, force })
    const refused = await choose()
    expect([refused.status, refused.json.code]).toEqual([409, 'domain.elsewhere'])
    expect(refused.json.detail).toContain('edge.app.test')
    expect((await choose(true)).json).toMatchObject({ is_primary: true, points_here: false })
  })

  test('is one, also where ten are made it at once', async () => {
    const team = await makeTeam()
    const domains = [await addVerified(team), await addVerified(team)]
    const replies = await Promise.all(
      Array.from({ length: 10 }, (_, at) =>
        team.send('PATCH', `/api/domains/${domains[at % 2]?.id}`, { is_primary: true }),
      ),
    )
    expect(replies.every((it) => it.status === 200 || it.status === 409)).toBe(true)
    const { items } = (await team.send('GET', '/api/domains')).json
    expect(items.filter((it: { is_primary: boolean }) => it.is_primary)).toHaveLength(1)
  })
})

test('the mail about a domain leads to the primary one', async () => {
  const team = await makeTeam()
  const [primary, domain] = [await addVerified(team), await addVerified(team)]
  await team.send('PATCH', `/api/domains/${primary.id}`, { is_primary: true })
  await checkWith(team, domain, undefined)
  const [warning] = await api.mailsTo(team.admin.email)
  expect(warning?.text).toContain(`https://${primary.name}/console/domains`)
})

describe('a domain whose record is gone', () => {
  test('still leads to its tenant for seven days, with a mail at both ends', async () => {
    const team = await makeTeam()
    const domain = await addVerified(team)
    await team.send('PATCH', `/api/domains/${domain.id}`, { is_primary: true })
    expect((await checkWith(team, domain, undefined)).state).toBe('failing')
    expect(await tenantAt(domain.name, team)).toBe(200)
    const [warning] = await api.mailsTo(team.admin.email)
    expect(warning?.subject).toContain(domain.name)
    expect(warning?.text).toContain(domain.record.value)
    expect(warning?.text).toContain(`https://${team.tenant.host}/console/domains`)
    await shift(domain, 'failing_since', '6 days 23 hours')
    expect((await checkWith(team, domain, undefined)).state).toBe('failing')
    await shift(domain, 'failing_since', '7 days')
    expect(await checkWith(team, domain, undefined)).toMatchObject({
      ...{ state: 'detached', is_primary: false },
    })
    expect(await tenantAt(domain.name, team)).toBe(404)
    expect((await api.mailsTo(team.admin.email, 2))[0]?.subject).toContain('detached')
    expect(await actsOn(team, domain)).toEqual(
      expect.arrayContaining(['domains.fail', 'domains.detach']),
    )
  })

  test('is verified again when the record is back, also after it was detached', async () => {
    const team = await makeTeam()
    const domain = await addVerified(team)
    await checkWith(team, domain, undefined)
    expect((await checkWith(team, domain, proofOf(domain))).state).toBe('verified')
    await checkWith(team, domain, undefined)
    await shift(domain, 'failing_since', '8 days')
    expect((await checkWith(team, domain, undefined)).state).toBe('detached')
    expect((await checkWith(team, domain, proofOf(domain))).state).toBe('verified')
    expect(await tenantAt(domain.name, team)).toBe(200)
  })

  test('is forgotten thirty days after it was detached', async () => {
    const team = await makeTeam()
    const domain = await addVerified(team)
    await checkWith(team, domain, undefined)
    await shift(domain, 'failing_since', '8 days')
    await checkWith(team, domain, undefined)
    await shift(domain, 'detached_at', '30 days')
    await team.send('POST', `/api/domains/${domain.id}/check`)
    await expect
      .poll(async () => (await team.send('GET', `/api/domains/${domain.id}`)).status)
      .toBe(404)
  })

  test.each(['servfail', 'refused', 'silent'] as const)(
    'is not gone where the DNS does not answer: %s',
    async (how) => {
      const team = await makeTeam()
      const domain = await addVerified(team)
      expect(await checkWith(team, domain, how)).toMatchObject({
        ...{ state: 'verified', problem: 'unreachable' },
      })
      await checkWith(team, domain, undefined)
      await shift(domain, 'failing_since', '9 days')
      expect((await checkWith(team, domain, how)).state).toBe('failing')
    },
    40_000,
  )

  test('is not gone where the DNS has too many records', async () => {
    const team = await makeTeam()
    const domain = await addVerified(team)
    const txt = Array.from({ length: 1_000 }, (_, at) => [`tenantry=${at}`])
    expect(await checkWith(team, domain, { txt })).toMatchObject({
      ...{ state: 'verified', problem: 'too_large' },
    })
  })
})

describe('an answer of the DNS that fills 64 kB', () => {
  // A text of the DNS has parts of 255 bytes.
  const textOf = (bytes: number) =>
    Array.from({ length: Math.ceil(bytes / 255) }, (_, at) =>
      'x'.repeat(Math.min(255, bytes - at * 255)),
    )

  test('with one text says nothing about the record', async () => {
    const team = await makeTeam()
    const domain = await addVerified(team)
    expect(await checkWith(team, domain, { txt: [textOf(64_000)] })).toMatchObject({
      ...{ state: 'verified', problem: 'too_large' },
    })
  })

  test('with many texts proves a domain whose record is among them', async () => {
    const team = await makeTeam()
    const domain = await add(team)
    const txt = [...Array.from({ length: 15 }, () => textOf(4_096)), [domain.record.value]]
    expect(await checkWith(team, domain, { txt })).toMatchObject({
      ...{ state: 'verified', problem: null },
    })
  })
})

describe('a domain that two tenants claim', () => {
  test('belongs to the first that proves it, while its record is there', async () => {
    const [a, b] = [await makeTeam(), await makeTeam()]
    const name = newName()
    const [ofA, ofB] = [await add(a, name), await add(b, name)]
    const both = { txt: [[ofA.record.value], [ofB.record.value]] }
    expect((await checkWith(b, ofB, both)).state).toBe('verified')
    expect(await checkWith(a, ofA, both)).toMatchObject({ state: 'pending', problem: 'taken' })
    expect([await tenantAt(name, b), await tenantAt(name, a)]).toEqual([200, 401])
  })

  test('passes to the tenant with the newer proof after the older one was gone for 72 hours', async () => {
    const [old, next] = [await makeTeam(), await makeTeam()]
    const domain = await addVerified(old)
    const claim = await add(next, domain.name)
    await checkWith(old, domain, { txt: [[claim.record.value]] })
    await shift(domain, 'failing_since', '71 hours')
    expect((await checkWith(next, claim, proofOf(claim))).problem).toBe('taken')
    await shift(domain, 'failing_since', '72 hours')
    const both = { txt: [[claim.record.value], [domain.record.value]] }
    expect((await checkWith(next, claim, both)).problem).toBe('taken')
    expect((await checkWith(next, claim, proofOf(claim))).state).toBe('verified')
    expect([await tenantAt(domain.name, next), await tenantAt(domain.name, old)]).toEqual([
      200, 401,
    ])
    expect((await read(old, domain)).state).toBe('detached')
    expect(await actsOn(old, domain)).toContain('domains.detach')
    expect((await api.mailsTo(old.admin.email, 2))[0]?.subject).toContain('detached')
  })
})

test('the next check waits as a job: one, however often a person asks', async () => {
  const team = await makeTeam()
  const domain = await addVerified(team)
  await checkWith(team, domain, proofOf(domain))
  const jobs = await asRole('platform', async (client) => {
    const { rows } = await client.query(
      `select state, run_at - now() > interval '23 hours' as is_tomorrow from tenantry.jobs
       where tenant_id = $1 and kind = 'domains.check' and key = $2`,
      [team.tenant.id, domain.id],
    )
    return rows
  })
  // Added while the domain was new: then it is checked each hour.
  expect(jobs).toEqual([{ state: 'later', is_tomorrow: false }])
})

test('the app role, as which the code of an app runs, cannot verify a domain', async () => {
  const team = await makeTeam()
  const { id } = await add(team)
  const verify = asRole('app', async (client) => {
    await client.query('begin')
    await client.query('select tenantry.set_tenant($1)', [team.tenant.id])
    await client.query(
      "update tenantry.domains set state = 'verified', verified_at = now() where id = $1",
      [id],
    )
  })
  await expect(verify).rejects.toMatchObject({ code: '23514' })
})
