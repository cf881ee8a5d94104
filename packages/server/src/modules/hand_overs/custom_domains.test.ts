import { randomBytes } from 'node:crypto'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { app } from '../../../test/fixtures/app/app.ts'
import { appWithSite } from '../../../test/fixtures/app_with_site.ts'
import { asRole, hasOneConnection } from '../../../test/fixtures/databases.ts'
import { domainRow } from '../../../test/fixtures/domain_row.ts'
import { isGlobalScope } from '../../../test/fixtures/identity_scope.ts'
import { backgroundScope } from '../../db/tenancy.ts'
import {
  startTestApp,
  type TestApp,
  type TestReply,
  type TestTenant,
  type TestUser,
} from '../../testing.ts'

let api: TestApp
beforeAll(async () => {
  api = await startTestApp(app, { TRUST_PROXY: '127.0.0.1' })
})
afterAll(() => api.close())

interface Scene {
  /** Where the person is signed in, by the cookie. */
  tenant: TestTenant
  user: TestUser
  cookie: string
  domain: string
}

const page = (host: string) => ({ origin: `https://${host}`, 'x-forwarded-proto': 'https' })
const navigation = { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }

/** A person who is signed in at the subdomain of a tenant with a custom domain. */
async function makeScene(): Promise<Scene> {
  const tenant = await api.makeTenant()
  const user = await tenant.makeUser({ roles: ['admin_tenant'] })
  const domain = await addDomain(tenant)
  return { tenant, user, domain, cookie: await signIn(tenant.host, user) }
}

async function addDomain({ id }: TestTenant): Promise<string> {
  const name = `d-${randomBytes(5).toString('hex')}.example`
  await api.database.acrossTenants('test', (db) =>
    db.insertInto('tenantry.domains').values(domainRow(name, id)).execute(),
  )
  return name
}

const signIn = async (host: string, { email, password }: TestUser) =>
  cookieIn(
    await api.send(host, {
      ...{ method: 'POST', path: '/api/auth/login', headers: page(host) },
      body: { email, password, session: 'cookie' },
    }),
  )

const cookieIn = ({ headers }: TestReply, name = '__Host-tenantry') =>
  [headers['set-cookie'] ?? '']
    .flat()
    .join(', ')
    .match(new RegExp(`${name}=[^;]+`))?.[0] ?? ''

async function begin(host: string, from: string, next?: string) {
  const body = { from, ...(next === undefined ? {} : { next }) }
  const path = '/api/hand-over-challenges'
  const reply = await api.send(host, { method: 'POST', path, headers: page(host), body })
  const verifier = cookieIn(reply, '__Host-tenantry-switch')
  return { reply, verifier, challenge: String(reply.json.challenge) }
}

const issue = ({ tenant, cookie }: Scene, body: Record<string, string>) =>
  tenant.send({
    ...{ method: 'POST', path: '/api/hand-overs', body: new URLSearchParams(body) },
    headers: { ...page(tenant.host), ...navigation, cookie },
  })

const redeem = (host: string, { code, verifier }: { code: string; verifier: string }) =>
  api.send(host, {
    path: `/api/hand-over-redemptions?${new URLSearchParams({ code })}`,
    headers: { 'x-forwarded-proto': 'https', cookie: verifier },
  })

/** A code for the custom domain, and the verifier of the browser that began there. */
async function issued(scene: Scene, next?: string) {
  const { tenant, domain } = scene
  const { verifier, challenge } = await begin(domain, tenant.subdomain, next)
  const reply = await issue(scene, { to: tenant.id, challenge, domain })
  expect(reply.status, reply.text).toBe(303)
  const url = new URL(reply.headers['location'] ?? '')
  expect(url.origin).toBe(`https://${domain}`)
  return { verifier, code: url.searchParams.get('code') ?? '' }
}

/** The cookie of a session at the custom domain. */
async function handedOver(scene: Scene): Promise<string> {
  const reply = await redeem(scene.domain, await issued(scene))
  expect(reply.status, reply.text).toBe(303)
  return cookieIn(reply)
}

const me = (host: string, cookie: string) =>
  api.send(host, {
    path: '/api/auth/me',
    headers: { cookie, 'x-forwarded-proto': 'https' },
  })

const change = async (name: string, values: { state: 'failing' | 'detached' }) => {
  const times =
    values.state === 'failing' ? { failing_since: new Date() } : { detached_at: new Date() }
  await api.database.acrossTenants('test', (db) =>
    db
      .updateTable('tenantry.domains')
      .set({ ...values, ...times })
      .where('name', '=', name)
      .execute(),
  )
  await api.listener.sync()
}

const signOut = (host: string, cookie: string) =>
  api.send(host, {
    ...{ method: 'POST', path: '/api/auth/logout' },
    headers: { ...page(host), cookie },
  })

/** Resolves when so many connections wait for a lock of this one, or for one that waits for it. */
async function untilWaiting(client: pg.Client, wanted: number): Promise<void> {
  const waiting = `with direct as (
      select pid from pg_stat_activity where pg_backend_pid() = any (pg_blocking_pids(pid))
    )
    select pid from direct union
    select a.pid from pg_stat_activity a join direct d on d.pid = any (pg_blocking_pids(a.pid))`
  const count = async () => {
    // A transaction sees the connections of its first look.
    await client.query('select pg_stat_clear_snapshot()')
    return (await client.query(waiting)).rowCount
  }
  await expect.poll(count).toBe(wanted)
}

const sessionsIn = ({ id }: TestTenant) =>
  api.database.inTenant(backgroundScope(id), (db) =>
    db
      .selectFrom('tenantry.sessions')
      .select(['origin', 'amr', 'kind', 'revoked_reason'])
      .where('method', '=', 'hand_over')
      .execute(),
  )

describe.runIf(isGlobalScope())('a hand-over to a custom domain', () => {
  test('opens a session there, and leads to the page that the person wanted', async () => {
    const scene = await makeScene()
    const reply = await redeem(scene.domain, await issued(scene, '/console/members?q=a'))
    expect([reply.status, reply.headers['location']]).toEqual([303, '/console/members?q=a'])
    const { json } = await me(scene.domain, cookieIn(reply))
    expect(json).toMatchObject({
      id: scene.user.id,
      sign_in_origin: `https://${scene.tenant.host}`,
    })
    const origin = `https://${scene.domain}`
    expect(await sessionsIn(scene.tenant)).toEqual([
      { origin, amr: ['pwd'], kind: 'cookie', revoked_reason: null },
    ])
  })

  test('comes from another tenant of the person as well', async () => {
    const [scene, other] = [await makeScene(), await makeScene()]
    await other.tenant.makeUser({ email: scene.user.email })
    const { verifier, challenge } = await begin(other.domain, scene.tenant.subdomain)
    const body = { to: other.tenant.id, challenge, domain: other.domain }
    const reply = await issue(scene, body)
    const code = new URL(reply.headers['location'] ?? '').searchParams.get('code') ?? ''
    const opened = await redeem(other.domain, { code, verifier })
    expect((await me(other.domain, cookieIn(opened))).status).toBe(200)
  })

  test.each([
    '//evil.example',
    '/\\evil.example',
    'https://evil.example',
    'console',
    '/a b',
    '/a\tb',
  ])('leads to no other site: next=%s', async (next) => {
    const { tenant, domain } = await makeScene()
    const { reply, verifier } = await begin(domain, tenant.subdomain, next)
    expect([reply.status, verifier]).toEqual([422, ''])
  })

  test('is issued for a domain that leads to the tenant only', async () => {
    const [scene, foreign] = [await makeScene(), await makeScene()]
    const pending = domainRow(`p-${foreign.domain}`, scene.tenant.id, false)
    await api.database.acrossTenants('test', (db) =>
      db.insertInto('tenantry.domains').values(pending).execute(),
    )
    const detached = await addDomain(scene.tenant)
    await change(detached, { state: 'detached' })
    const { challenge } = await begin(scene.domain, scene.tenant.subdomain)
    const others = [foreign.domain, pending.name, detached, 'evil.example', scene.tenant.host, '']
    for (const domain of others) {
      const reply = await issue(scene, { to: scene.tenant.id, challenge, domain })
      expect([reply.status, reply.headers['location']], domain).toEqual([404, undefined])
    }
    await change(scene.domain, { state: 'failing' })
    expect(await issued(scene)).toMatchObject({ code: expect.stringMatching(/^[\w-]{43}$/) })
    // The name was given up, and is another server's.
    const leads = (here: boolean) =>
      asRole('identity', async (client) => {
        await client.query('begin')
        await client.query('select tenantry.set_tenant($1)', [scene.tenant.id])
        const where = `where name = '${scene.domain}'`
        await client.query(`update tenantry.domains set points_here = ${here} ${where}`)
        await client.query('commit')
      })
    await leads(false)
    const lost = await issue(scene, { to: scene.tenant.id, challenge, domain: scene.domain })
    expect(lost.status).toBe(404)
    await leads(true)
    await issued(scene)
  })

  test('works at that host only, also of the same tenant', async () => {
    const scene = await makeScene()
    const { code, verifier } = await issued(scene)
    const [second, other] = [await addDomain(scene.tenant), await makeScene()]
    await other.tenant.makeUser({ email: scene.user.email })
    for (const host of [scene.tenant.host, second, other.tenant.host, other.domain]) {
      const reply = await redeem(host, { code, verifier })
      expect([reply.status, reply.json.code], host).toEqual([400, 'token.invalid'])
    }
    expect((await redeem(scene.domain, { code, verifier })).status).toBe(303)
    // And that of the subdomain not at the domain.
    const { challenge, verifier: own } = await begin(scene.tenant.host, scene.tenant.subdomain)
    const reply = await issue(scene, { to: scene.tenant.id, challenge })
    const forSubdomain = new URL(reply.headers['location'] ?? '').searchParams.get('code') ?? ''
    const lured = await redeem(scene.domain, { code: forSubdomain, verifier: own })
    expect(lured.json.code).toBe('token.invalid')
    expect(await sessionsIn(scene.tenant)).toHaveLength(1)
  })

  test('opens nothing once the domain is detached, or has gone to another tenant', async () => {
    const scene = await makeScene()
    const code = await issued(scene)
    await change(scene.domain, { state: 'detached' })
    expect((await redeem(scene.domain, code)).status).toBe(404)
    const buyer = await api.makeTenant()
    await buyer.makeUser({ email: scene.user.email })
    await api.database.acrossTenants('test', (db) =>
      db.insertInto('tenantry.domains').values(domainRow(scene.domain, buyer.id)).execute(),
    )
    await api.listener.sync()
    expect((await redeem(scene.domain, code)).json.code).toBe('token.invalid')
    expect([await sessionsIn(scene.tenant), await sessionsIn(buyer)]).toEqual([[], []])
  })

  // Each server learns of the change within milliseconds; until then its cache still has the host.
  test('opens nothing while a server has not heard that the domain was detached', async () => {
    const scene = await makeScene()
    const code = await issued(scene)
    const detaching = await api.database.acrossTenants('test', async (db) => {
      await db
        .updateTable('tenantry.domains')
        .set({ state: 'detached', detached_at: new Date() })
        .where('name', '=', scene.domain)
        .execute()
      // It waits for this transaction, having found the host in its cache.
      const reply = redeem(scene.domain, code)
      await new Promise((resolve) => setTimeout(resolve, 300))
      return { reply }
    })
    expect((await detaching.reply).status).toBe(404)
    expect(await sessionsIn(scene.tenant)).toEqual([])
  })
})

describe.runIf(isGlobalScope())('a session at a custom domain', () => {
  test('counts at that name only, and that of the subdomain not there', async () => {
    const scene = await makeScene()
    const cookie = await handedOver(scene)
    const second = await addDomain(scene.tenant)
    expect((await me(scene.domain, cookie)).status).toBe(200)
    for (const host of [scene.tenant.host, second]) {
      expect((await me(host, cookie)).status, host).toBe(401)
    }
    expect((await me(scene.domain, scene.cookie)).status).toBe(401)
  })

  test('can neither be handed over, nor list the tenants, nor change the account', async () => {
    const scene = await makeScene()
    const cookie = await handedOver(scene)
    const { tenant, domain, user } = scene
    const headers = { ...page(domain), ...navigation, cookie }
    const { challenge } = await begin(domain, tenant.subdomain)
    const form = new URLSearchParams({ to: tenant.id, challenge, domain })
    const { password: current_password } = user
    const requests = [
      { method: 'POST', path: '/api/hand-overs', body: form },
      { method: 'GET', path: '/api/account/tenants' },
      { method: 'PATCH', path: '/api/account', body: { full_name: 'Mallory' } },
      {
        method: 'PUT',
        path: '/api/account/password',
        body: { current_password, new_password: 'an entirely new one' },
      },
      { method: 'DELETE', path: '/api/account', body: { current_password } },
    ] as const
    for (const request of requests) {
      const reply = await api.send(domain, { ...request, headers })
      expect([reply.status, reply.json.code], request.path).toEqual([
        403,
        'credentials.custom_domain',
      ])
      // Nor where it would be allowed.
      const home = await tenant.send({ ...request, headers: { ...headers, ...page(tenant.host) } })
      expect(home.status, request.path).toBe(401)
    }
  })

  test('is named in the list of sessions', async () => {
    const scene = await makeScene()
    await handedOver(scene)
    const { json } = await scene.tenant.send({ path: '/api/sessions', user: scene.user })
    const domains = json.items.map((it: { domain: string | null }) => it.domain)
    expect(domains.filter((it: unknown) => it !== null)).toEqual([scene.domain])
  })

  test('is the only one that is: a subdomain that the tenant had before is no domain', async () => {
    const { tenant, user } = await makeScene()
    await asRole('platform', (client) =>
      client.query(`update tenantry.tenants set subdomain = 'x-' || subdomain where id = $1`, [
        tenant.id,
      ]),
    )
    await api.listener.sync()
    const host = `x-${tenant.host}`
    const cookie = await signIn(host, user)
    const headers = { cookie, 'x-forwarded-proto': 'https' }
    const { json } = await api.send(host, { path: '/api/sessions', headers })
    const domains = json.items.map((it: { domain: string | null }) => it.domain)
    expect(new Set(domains)).toEqual(new Set([null]))
  })

  test('ends with the one of the subdomain, and the other way round', async () => {
    const scene = await makeScene()
    const { tenant, domain } = scene
    const first = await handedOver(scene)
    expect((await signOut(tenant.host, scene.cookie)).status).toBe(204)
    expect((await me(domain, first)).status).toBe(401)
    scene.cookie = await signIn(tenant.host, scene.user)
    const second = await handedOver(scene)
    const again = await handedOver(scene)
    expect((await signOut(domain, again)).status).toBe(204)
    for (const [host, cookie] of [
      [domain, again],
      [domain, second],
      [tenant.host, scene.cookie],
    ] as const) {
      expect((await me(host, cookie)).status, host).toBe(401)
    }
    // Those of other browsers go on.
    expect((await tenant.send({ path: '/api/auth/me', user: scene.user })).status).toBe(200)
  })

  // Who operates the server there has its cookie, and could otherwise keep it from ending.
  test('ends with a sign-out at the subdomain after it has ended all others', async () => {
    const scene = await makeScene()
    const { tenant, domain, user } = scene
    const cookie = await handedOver(scene)
    const path = '/api/sessions'
    const others = { method: 'DELETE', path, headers: { ...page(domain), cookie } } as const
    expect((await api.send(domain, others)).status).toBe(204)
    expect((await tenant.send({ path: '/api/auth/me', user })).status).toBe(401)
    expect((await me(tenant.host, scene.cookie)).status).toBe(200)
    expect((await me(domain, cookie)).status).toBe(200)
    await signOut(tenant.host, scene.cookie)
    expect((await me(domain, cookie)).status).toBe(401)
  })

  test('ends nothing once it was revoked', async () => {
    const scene = await makeScene()
    const { tenant, domain, user } = scene
    const cookie = await handedOver(scene)
    const { json } = await tenant.send({ path: '/api/sessions', user })
    const { id } = json.items.find((it: { domain: string | null }) => it.domain === domain)
    const revoked = await tenant.send({ method: 'DELETE', path: `/api/sessions/${id}`, user })
    expect(revoked.status).toBe(204)
    expect((await signOut(domain, cookie)).status).toBe(204)
    expect((await me(tenant.host, scene.cookie)).status).toBe(200)
  })

  test('is not opened once that of the subdomain has ended', async () => {
    const scene = await makeScene()
    const code = await issued(scene)
    await signOut(scene.tenant.host, scene.cookie)
    expect((await redeem(scene.domain, code)).status).toBe(401)
    expect(await sessionsIn(scene.tenant)).toEqual([])
  })

  test.skipIf(hasOneConnection())(
    'ends with a sign-out at the subdomain that met its hand-over',
    async () => {
      const scene = await makeScene()
      const { tenant, domain } = scene
      const first = await handedOver(scene)
      const { code, verifier } = await issued(scene)
      const [reply, ended] = await asRole('platform', async (client) => {
        await client.query('begin')
        // The hand-over has opened its session, and waits to end the one that it replaces.
        await client.query(
          'select from tenantry.sessions where tenant_id = $1 and source_id is not null for update',
          [tenant.id],
        )
        const opening = redeem(domain, { code, verifier: `${verifier}; ${first}` })
        await untilWaiting(client, 1)
        const ending = signOut(tenant.host, scene.cookie)
        await untilWaiting(client, 2)
        await client.query('commit')
        return Promise.all([opening, ending])
      })
      expect([reply.status, ended.status]).toEqual([303, 204])
      expect((await me(tenant.host, scene.cookie)).status).toBe(401)
      expect((await me(domain, cookieIn(reply))).status).toBe(401)
    },
  )

  test('ends with that of the subdomain also if it was opened by way of another tenant', async () => {
    const { tenant, domain, user, cookie } = await makeScene()
    const other = await api.makeTenant()
    await other.makeUser({ email: user.email })
    const through = async (from: Pick<Scene, 'tenant' | 'cookie'>, to: TestTenant, at: string) => {
      const { verifier, challenge } = await begin(at, from.tenant.subdomain)
      const target = { to: to.id, challenge, ...(at === to.host ? {} : { domain: at }) }
      const issuing = await issue({ ...from, user, domain }, target)
      const code = new URL(issuing.headers['location'] ?? '').searchParams.get('code') ?? ''
      return cookieIn(await redeem(at, { code, verifier }))
    }
    const away = { tenant: other, cookie: await through({ tenant, cookie }, other, other.host) }
    const back = await through(away, tenant, domain)
    expect((await me(domain, back)).status).toBe(200)
    await signOut(tenant.host, cookie)
    expect((await me(domain, back)).status).toBe(401)
    expect((await me(other.host, away.cookie)).status).toBe(200)
    // And the other way round.
    const again = await signIn(tenant.host, user)
    const third = await through({ tenant, cookie: again }, other, other.host)
    await signOut(domain, await through({ tenant: other, cookie: third }, tenant, domain))
    expect((await me(tenant.host, again)).status).toBe(401)
  })

  // Otherwise a revocation of the member's sessions, which has locked the member, would meet a deadlock.
  test('is opened with the lock of the member before that of the session that it comes from', async () => {
    const scene = await makeScene()
    const { tenant, domain } = scene
    const code = await issued(scene)
    const reply = await asRole('platform', async (client) => {
      const about = [tenant.id, scene.user.id]
      const member = 'tenantry.members where tenant_id = $1 and user_id = $2'
      await client.query('begin')
      await client.query(`select from ${member} for no key update`, about)
      const opening = redeem(domain, code)
      await untilWaiting(client, 1)
      const sessions = `select from tenantry.sessions where tenant_id = $1 and user_id = $2`
      await client.query(`${sessions} for update nowait`, about)
      await client.query('commit')
      return opening
    })
    expect((await me(domain, cookieIn(reply))).status).toBe(200)
  })

  test('that is opened again leaves that of the subdomain alone', async () => {
    const scene = await makeScene()
    const first = await handedOver(scene)
    const { code, verifier } = await issued(scene)
    const reply = await redeem(scene.domain, { code, verifier: `${verifier}; ${first}` })
    expect(reply.status).toBe(303)
    expect((await me(scene.domain, first)).status).toBe(401)
    expect((await me(scene.domain, cookieIn(reply))).status).toBe(200)
    expect((await me(scene.tenant.host, scene.cookie)).status).toBe(200)
  })

  test('ends with the domain, also if the tenant gets the name back', async () => {
    const scene = await makeScene()
    const cookie = await handedOver(scene)
    const list = await scene.tenant.send({ path: '/api/domains', user: scene.user })
    const path = `/api/domains/${list.json.items[0].id}`
    const removed = await scene.tenant.send({ method: 'DELETE', path, user: scene.user })
    expect(removed.status, removed.text).toBe(204)
    expect((await me(scene.domain, cookie)).status).toBe(404)
    await api.database.acrossTenants('test', (db) =>
      db.insertInto('tenantry.domains').values(domainRow(scene.domain, scene.tenant.id)).execute(),
    )
    await api.listener.sync()
    expect((await me(scene.domain, cookie)).status).toBe(401)
    expect((await me(scene.tenant.host, scene.cookie)).status).toBe(200)
    expect(await sessionsIn(scene.tenant)).toMatchObject([{ revoked_reason: 'domain_detached' }])
  })

  test.each(['detaches', 'renames', 'deletes'])(
    'ends with the domain also if a client of the database %s it',
    async (verb) => {
      const scene = await makeScene()
      const cookie = await handedOver(scene)
      const about = [scene.tenant.id, scene.domain]
      const where = 'where tenant_id = $1 and name = $2'
      await asRole('platform', async (client) => {
        const statements: Record<string, string> = {
          detaches: `update tenantry.domains set state = 'detached', detached_at = now() ${where}`,
          renames: `update tenantry.domains set name = 'x-' || name ${where}`,
          deletes: `delete from tenantry.domains ${where}`,
        }
        await client.query(statements[verb] ?? '', about)
      })
      expect(await sessionsIn(scene.tenant)).toMatchObject([{ revoked_reason: 'domain_detached' }])
      await api.listener.sync()
      expect((await me(scene.domain, cookie)).status).toBe(404)
      expect((await me(scene.tenant.host, scene.cookie)).status).toBe(200)
    },
  )
})

describe.runIf(!isGlobalScope())('a custom domain where each tenant has its own accounts', () => {
  test('takes the password, and opens a session that counts there only', async () => {
    const tenant = await api.makeTenant()
    const user = await tenant.makeUser()
    const domain = await addDomain(tenant)
    const cookie = await signIn(domain, user)
    expect((await me(domain, cookie)).json).toMatchObject({ id: user.id, sign_in_origin: null })
    expect((await me(tenant.host, cookie)).status).toBe(401)
    const { email, password } = user
    const body = { email, password }
    const tokens = await api.send(domain, { method: 'POST', path: '/api/auth/login', body })
    const headers = { authorization: `Bearer ${tokens.json.access_token}` }
    const at = async (host: string) =>
      (await api.send(host, { path: '/api/auth/me', headers })).status
    expect([await at(domain), await at(tenant.host)]).toEqual([200, 401])
  })

  test('shows the pages that ask for it', async () => {
    const site = appWithSite({ 'web/dist/auth/index.html': '<!doctype html>auth page' })
    const pages = await startTestApp(site.app)
    onTestFinished(async () => {
      await pages.close()
      site.remove()
    })
    const domain = await addDomain(await api.makeTenant())
    for (const path of ['/auth/sign-in', '/auth/reset-password', '/auth/accept-invitation']) {
      const reply = await pages.send(domain, { path })
      expect([reply.status, reply.text], path).toEqual([200, expect.stringContaining('auth page')])
    }
  })

  test('takes the secrets of mailed links, which lead to the subdomain', async () => {
    const tenant = await api.makeTenant()
    const user = await tenant.makeUser()
    const domain = await addDomain(tenant)
    const post = (path: string, body: object) => api.send(domain, { method: 'POST', path, body })
    expect((await post('/api/auth/forgot-password', { email: user.email })).status).toBe(200)
    const [mail] = await api.mailsTo(user.email)
    expect(mail?.text).toContain(`https://${tenant.host}/auth/reset-password#token=`)
    const token = /#token=([\w-]+)/.exec(mail?.text ?? '')?.[1] ?? ''
    const new_password = 'an entirely new one'
    const reset = await post('/api/auth/reset-password', { token, new_password })
    expect(reset.status, reset.text).toBeLessThan(300)
    expect(await signIn(domain, { ...user, password: new_password })).not.toBe('')
  })

  test('gets no link once it no longer leads to the tenant', async () => {
    const closing = await startTestApp(app)
    const tenant = await closing.makeTenant()
    const user = await tenant.makeUser()
    // No worker runs the jobs of the tenant until runJobsOf.
    await closing.close()
    const domain = await addDomain(tenant)
    const headers = { ...page(domain), cookie: await signIn(domain, user) }
    const path = '/api/account/email-verification'
    expect((await api.send(domain, { method: 'POST', path, headers })).status).toBe(202)
    await change(domain, { state: 'detached' })
    api.runJobsOf(tenant.id)
    api.running.worker?.notify()
    const [mail] = await api.mailsTo(user.email)
    const [link = ''] = /https:\S+#/.exec(mail?.text ?? '') ?? []
    expect(new URL(link).host).toBe(tenant.host)
  })

  test('gets the link that verifies an address where the person is signed in', async () => {
    const tenant = await api.makeTenant()
    const user = await tenant.makeUser()
    const domain = await addDomain(tenant)
    const headers = { ...page(domain), cookie: await signIn(domain, user) }
    const path = '/api/account/email-verification'
    const asked = await api.send(domain, { method: 'POST', path, headers })
    expect(asked.status, asked.text).toBe(202)
    const [mail] = await api.mailsTo(user.email)
    const [, link = '', token = ''] = /(https:\S+)#\S*token=([\w-]+)/.exec(mail?.text ?? '') ?? []
    expect(new URL(link).host).toBe(domain)
    const body = { token }
    const proof = { method: 'POST', path: '/api/email-verifications', headers, body } as const
    expect((await api.send(domain, proof)).status).toBe(200)
    // The password still works.
    expect(await signIn(domain, user)).not.toBe('')
  })
})
