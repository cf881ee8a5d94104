import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { app } from '../../../test/fixtures/app/app.ts'
import { asAdmin, asRole } from '../../../test/fixtures/databases.ts'
import { domainRow } from '../../../test/fixtures/domain_row.ts'
import { testPng } from '../../testing/sweeps/world/test_image.ts'
import { startTestApp, type TestApp, type TestTenant, type TestUser } from '../../testing.ts'

let api: TestApp
beforeAll(async () => {
  api = await startTestApp(app)
})
afterAll(() => api.close())

interface Team {
  tenant: TestTenant
  admin: TestUser
}

async function makeTeam(): Promise<Team> {
  const tenant = await api.makeTenant({ name: 'Acme' })
  return { tenant, admin: await tenant.makeUser({ roles: ['admin_tenant'] }) }
}

const send = (
  { tenant, admin }: Team,
  method: string,
  path: string,
  body?: unknown,
  headers = {},
) => tenant.send({ method, path, user: admin, body, headers })
const brandingOf = async ({ tenant }: Team) => (await tenant.send({ path: '/api/branding' })).json
const image = (bytes = testPng(), type = 'image/png') => new Blob([new Uint8Array(bytes)], { type })
const setLogo = (team: Team, body: unknown = image()) => send(team, 'PUT', '/api/tenant/logo', body)

describe('the settings of a tenant', () => {
  test('are shown to everyone from the reply to their change on', async () => {
    const team = await makeTeam()
    expect(await brandingOf(team)).toMatchObject({ color: null, logo: null, notice: null })
    const given = { name: ' Acme Inc. ', color: '#0F766E', locale: 'de-at', notice: 'For staff' }
    const stored = { name: 'Acme Inc.', color: '#0f766e', locale: 'de-AT', notice: 'For staff' }
    const changed = await send(team, 'PATCH', '/api/tenant', given)
    expect(changed.json).toEqual({ ...stored, subdomain: team.tenant.subdomain })
    const { name: tenant_name, ...shown } = stored
    expect(await brandingOf(team)).toMatchObject({ tenant_name, ...shown })
    const removed = { color: null, locale: null, notice: null }
    const reply = await send(team, 'PATCH', '/api/tenant', removed)
    expect(reply.json).toMatchObject({ ...removed, name: 'Acme Inc.' })
    expect(await brandingOf(team)).toMatchObject({ color: null, locale: 'en', notice: null })
  })

  test('are changed only over the version that was read', async () => {
    const team = await makeTeam()
    const read = await send(team, 'GET', '/api/tenant')
    const condition = { 'if-match': read.headers['etag'] ?? '' }
    const change = (color: string) => send(team, 'PATCH', '/api/tenant', { color }, condition)
    expect([(await change('#111111')).status, (await change('#222222')).status]).toEqual([200, 412])
    expect(await brandingOf(team)).toMatchObject({ color: '#111111' })
  })

  test('keep their version when the logo changes, which another form uploads', async () => {
    const team = await makeTeam()
    const { headers } = await send(team, 'GET', '/api/tenant')
    expect((await setLogo(team)).status).toBe(204)
    const again = await send(team, 'GET', '/api/tenant')
    expect(again.headers['etag']).toBe(headers['etag'])
  })

  test.each([
    ['a colour by name', { color: 'red' }, '/color'],
    ['a colour with more than a colour', { color: '#0f766e;background:url(//x)' }, '/color'],
    ['a notice of two lines', { notice: 'one\ntwo' }, '/notice'],
    ['a notice with hidden characters', { notice: 'a\u202eb' }, '/notice'],
    ['no language', { locale: 'german language' }, '/locale'],
    ['no name', { name: ' ' }, '/name'],
  ])('may not be %s', async (_, body, pointer) => {
    const reply = await send(await makeTeam(), 'PATCH', '/api/tenant', body)
    expect([reply.status, reply.json.errors?.[0]?.pointer]).toEqual([422, pointer])
  })

  test('are read by every member with tenant:read, and changed by administrators', async () => {
    const team = await makeTeam()
    const manager = await team.tenant.makeUser({ roles: ['manager'] })
    const ask = (method: string, path: string, body?: unknown) =>
      team.tenant.send({ method, path, user: manager, body })
    expect((await ask('GET', '/api/tenant')).status).toBe(200)
    const refused = [
      await ask('PATCH', '/api/tenant', { color: null }),
      await ask('PUT', '/api/tenant/logo', image()),
      await ask('DELETE', '/api/tenant/logo'),
      await ask('GET', '/api/tenant/setup'),
    ]
    expect(refused.map((it) => it.status)).toEqual([403, 403, 403, 403])
  })

  test('are logged by the names of the fields', async () => {
    const team = await makeTeam()
    await send(team, 'PATCH', '/api/tenant', { color: '#0f766e' })
    await setLogo(team)
    await send(team, 'DELETE', '/api/tenant/logo')
    const { json } = await send(team, 'GET', '/api/audit-logs')
    const acts = json.items.map(({ action, meta }: { action: string; meta: unknown }) => [
      action,
      meta,
    ])
    expect(acts).toContainEqual(['tenant.update', { fields: ['color'] }])
    expect(acts).toContainEqual([
      'tenant.logo_update',
      { type: 'image/png', bytes: expect.any(Number) },
    ])
    expect(acts).toContainEqual(['tenant.logo_delete', {}])
  })

  test('leave what the platform decides to the platform, whatever code of an app does', async () => {
    const { tenant } = await makeTeam()
    const other = await api.makeTenant({ name: 'Other' })
    const run = (sql: string) =>
      asRole('app', async (client) => {
        await client.query('begin')
        await client.query('select tenantry.set_tenant($1)', [tenant.id])
        const { rowCount } = await client.query(sql, [other.id])
        await client.query('rollback')
        return rowCount
      })
    expect(await run(`update tenantry.tenants set name = 'x' where id = $1`)).toBe(0)
    for (const column of ['subdomain', 'status', 'rate', 'realm_id', 'id']) {
      const taken = run(`update tenantry.tenants set ${column} = default where id <> $1`)
      await expect(taken, column).rejects.toThrow('permission denied')
    }
  })
})

describe('the logo of a tenant', () => {
  test('is sent to everyone, and may be kept by caches, but is no script', async () => {
    const team = await makeTeam()
    await setLogo(team, image(testPng({ rgb: [1, 2, 3] })))
    const { logo } = await brandingOf(team)
    expect(logo).toMatchObject({ width: 64, height: 64 })
    const sent = await team.tenant.send({ path: logo.url })
    expect(sent.status).toBe(200)
    expect(sent.headers).toMatchObject({
      'content-type': 'image/png',
      'content-length': String(testPng({ rgb: [1, 2, 3] }).length),
      'cache-control': 'public, max-age=86400',
      'content-disposition': 'inline; filename="logo.png"',
      'content-security-policy': "sandbox; default-src 'none'",
      'cross-origin-resource-policy': 'cross-origin',
      'x-content-type-options': 'nosniff',
    })
    await setLogo(team)
    expect((await brandingOf(team)).logo.url).not.toBe(logo.url)
    expect((await send(team, 'DELETE', '/api/tenant/logo')).status).toBe(204)
    expect(await brandingOf(team)).toMatchObject({ logo: null })
    const gone = await team.tenant.send({ path: '/api/branding/logo' })
    expect([gone.status, gone.headers['cache-control']]).toEqual([404, 'no-store'])
    expect((await send(team, 'DELETE', '/api/tenant/logo')).status).toBe(404)
  })

  test('is that of the tenant whose host is asked', async () => {
    const [one, other] = [await makeTeam(), await makeTeam()]
    await setLogo(one)
    const { logo } = await brandingOf(one)
    expect((await other.tenant.send({ path: logo.url })).status).toBe(404)
  })

  test.each([
    ['an SVG that says it is a PNG', image(Buffer.from('<svg onload="alert(1)"/>')), 422],
    ['an SVG', image(Buffer.from('<svg/>'), 'image/svg+xml'), 415],
    ['HTML', image(Buffer.from('<script>'), 'text/html'), 415],
    ['nothing', image(Buffer.alloc(0)), 422],
    ['a picture that is too wide', image(testPng({ width: 2_001, height: 16 })), 422],
    ['a picture that is too small', image(testPng({ width: 64, height: 15 })), 422],
    ['more than 100 kB', image(Buffer.concat([testPng(), Buffer.alloc(102_400)])), 413],
  ])('may not be %s', async (_, body, status) => {
    const team = await makeTeam()
    expect((await setLogo(team, body)).status).toBe(status)
    expect(await brandingOf(team)).toMatchObject({ logo: null })
  })

  test('is judged by its bytes, not by what the client calls it', async () => {
    const team = await makeTeam()
    expect((await setLogo(team, image(testPng(), 'image/webp'))).status).toBe(204)
    const sent = await team.tenant.send({ path: '/api/branding/logo' })
    expect(sent.headers['content-type']).toBe('image/png')
  })

  test('replaced by eight requests at the same time is one of theirs, and the branding names that one', async () => {
    const team = await makeTeam()
    const images = Array.from({ length: 8 }, (_, at) => testPng({ rgb: [at, at, at] }))
    const replies = await Promise.all(images.map((it) => setLogo(team, image(it))))
    expect(new Set(replies.map((it) => it.status))).toEqual(new Set([204]))
    const { logo } = await brandingOf(team)
    const { rows } = await asAdmin((client) =>
      client.query<{ bytes: Buffer }>(
        'select bytes from tenantry.tenant_assets where tenant_id = $1',
        [team.tenant.id],
      ),
    )
    const stored = images.filter((it) => rows[0]?.bytes.equals(it))
    expect(stored).toHaveLength(1)
    await setLogo(team, image(stored[0]))
    expect((await brandingOf(team)).logo).toEqual(logo)
  })

  test('is in mails by its address on the subdomain, with colour, name and language', async () => {
    const team = await makeTeam()
    await setLogo(team)
    await send(team, 'PATCH', '/api/tenant', { color: '#0f766e', locale: 'de', name: 'Acme Inc.' })
    await api.database.acrossTenants('test', (db) =>
      db
        .insertInto('tenantry.domains')
        .values(domainRow(`shop-${team.tenant.subdomain}.example`, team.tenant.id))
        .execute(),
    )
    const { email } = team.admin
    const path = '/api/auth/forgot-password'
    await team.tenant.send({ method: 'POST', path, body: { email } })
    const [mail] = await api.mailsTo(email)
    expect(mail?.html).toContain(`<img src="https://${team.tenant.host}/api/branding/logo" alt=""`)
    expect(mail?.html).toContain('background-color: #0f766e')
    expect(mail?.html).toContain('<html lang="de">')
    expect(mail?.html).not.toContain('shop-')
  })
})

describe('the first steps of a tenant', () => {
  test('are those that its rows do not show yet, until an administrator closes the list', async () => {
    const team = await makeTeam()
    const setup = async () => (await send(team, 'GET', '/api/tenant/setup')).json
    const fresh = { is_dismissed: false, has_look: false, has_people: false, has_domain: false }
    expect(await setup()).toEqual(fresh)
    await setLogo(team)
    await send(team, 'POST', '/api/invitations', { email: 'ann@acme.example', roles: [] })
    await send(team, 'POST', '/api/domains', { name: `${team.tenant.subdomain}.example` })
    const done = { ...fresh, has_look: true, has_people: true, has_domain: true }
    expect(await setup()).toEqual(done)
    const closed = await send(team, 'PATCH', '/api/tenant/setup', { is_dismissed: true })
    expect(closed.json).toEqual({ ...done, is_dismissed: true })
    await send(team, 'PATCH', '/api/tenant/setup', { is_dismissed: false })
    expect(await setup()).toEqual(done)
  })

  test('have people when there is a second member, and a look when there is a colour', async () => {
    const team = await makeTeam()
    await team.tenant.makeUser()
    await send(team, 'PATCH', '/api/tenant', { color: '#0f766e' })
    const { json } = await send(team, 'GET', '/api/tenant/setup')
    expect(json).toMatchObject({ has_look: true, has_people: true, has_domain: false })
  })
})
