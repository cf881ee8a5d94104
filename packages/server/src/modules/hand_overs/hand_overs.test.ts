import { randomBytes, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { app } from '../../../test/fixtures/app/app.ts'
import { asAdmin, asRole } from '../../../test/fixtures/databases.ts'
import { isGlobalScope } from '../../../test/fixtures/identity_scope.ts'
import { backgroundScope } from '../../db/tenancy.ts'
import { startTestApp, type TestApp, type TestTenant, type TestUser } from '../../testing.ts'

let api: TestApp
let strict: TestApp
beforeAll(async () => {
  const settings = { TRUST_PROXY: '127.0.0.1', SIGN_UP: 'on' }
  api = await startTestApp(app, settings)
  // With a key of its own, it does not send the mails of the other app.
  const own = { EMAIL_VERIFICATION: 'required', SECRET_KEY: unique().repeat(4) }
  strict = await startTestApp(app, { ...settings, ...own })
})
afterAll(() => Promise.all([api.close(), strict.close()]))

const unique = () => randomBytes(6).toString('hex')

interface Scene {
  source: TestTenant
  target: TestTenant
  user: TestUser
  cookie: string
}

/** A person with two tenants, whose browser is signed in at the first. */
async function makeScene(): Promise<Scene> {
  const [source, target] = [await api.makeTenant(), await api.makeTenant()]
  const user = await source.makeUser({ roles: ['operator'] })
  await target.makeUser({ email: user.email, roles: ['admin_tenant'] })
  return { source, target, user, cookie: await signIn(source, user) }
}

const page = ({ host }: TestTenant) => ({
  origin: `https://${host}`,
  'x-forwarded-proto': 'https',
})

async function signIn(tenant: TestTenant, { email, password }: TestUser): Promise<string> {
  const reply = await tenant.send({
    ...{ method: 'POST', path: '/api/auth/login', headers: page(tenant) },
    body: { email, password, session: 'cookie' },
  })
  expect(reply.status, reply.text).toBe(200)
  return reply.headers['set-cookie']?.split(';')[0] ?? ''
}

// What a browser adds to the form of a page. No script can.
const navigation = { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }

const handOver = ({ source, cookie }: Scene, body: Record<string, string>, headers: object = {}) =>
  source.send({
    ...{ method: 'POST', path: '/api/hand-overs', body: new URLSearchParams(body) },
    headers: { ...page(source), ...navigation, cookie, ...headers },
  })

/** Opens the page of the target in a browser, which keeps the verifier. */
async function begin(tenant: TestTenant, from: string, to = api) {
  const path = '/api/hand-over-challenges'
  const reply = await to.send(tenant.host, {
    ...{ method: 'POST', path, headers: page(tenant), body: { from } },
  })
  expect(reply.status, reply.text).toBe(200)
  const [kept = ''] = reply.headers['set-cookie']?.split(';') ?? []
  return { verifier: kept, challenge: String(reply.json.challenge), reply }
}

const redeem = (
  tenant: TestTenant,
  { code, verifier, accept }: { code: string; verifier: string; accept?: string },
  to = api,
) =>
  to.send(tenant.host, {
    path: `/api/hand-over-redemptions?${new URLSearchParams({ code })}`,
    headers: {
      'x-forwarded-proto': 'https',
      ...(verifier !== '' && { cookie: verifier }),
      ...(accept !== undefined && { accept }),
    },
  })

/** A code for the target, and the cookie of the browser that began there. */
async function issued(scene: Scene) {
  const { verifier, challenge } = await begin(scene.target, scene.source.subdomain)
  const reply = await handOver(scene, { to: scene.target.id, challenge })
  expect(reply.status, reply.text).toBe(303)
  const url = reply.headers['location'] ?? ''
  return { verifier, code: codeIn(url), url }
}

const codeIn = (url: string) => new URL(url).searchParams.get('code') ?? ''

const cookieOf = ({ headers }: Awaited<ReturnType<typeof redeem>>) =>
  [headers['set-cookie'] ?? '']
    .flat()
    .join(', ')
    .match(/__Host-tenantry=[^;]+/)?.[0] ?? ''

const sessionsIn = ({ id }: TestTenant, method = 'hand_over') =>
  api.database.inTenant(backgroundScope(id), (db) =>
    db
      .selectFrom('tenantry.sessions')
      .select(['user_id', 'amr', 'method', 'authenticated_at', 'kind'])
      .where('method', '=', method as 'hand_over')
      .execute(),
  )

const actsIn = async ({ id }: TestTenant) => {
  await api.running.settle()
  const rows = await api.database.inTenant(backgroundScope(id), (db) =>
    db.selectFrom('tenantry.audit_logs').select('action').execute(),
  )
  return rows.map((it) => it.action)
}

const platform = (sql: string, values: unknown[]) =>
  asRole('platform', (client) => client.query(sql, values))

describe.runIf(isGlobalScope())('a hand-over', () => {
  test('opens a session in another tenant of the person, with the proofs of the first', async () => {
    const scene = await makeScene()
    const { source, target, user } = scene
    const { code, verifier, url } = await issued(scene)
    expect(url.startsWith(`https://${target.host}/api/hand-over-redemptions?code=`)).toBe(true)
    const reply = await redeem(target, { code, verifier })
    expect([reply.status, reply.headers['location']]).toEqual([303, '/console'])
    const cookie = cookieOf(reply)
    const me = await target.send({
      path: '/api/auth/me',
      headers: { cookie, 'x-forwarded-proto': 'https' },
    })
    expect(me.json).toMatchObject({ id: user.id, roles: ['admin_tenant'] })
    const [session] = await sessionsIn(target)
    expect(session).toMatchObject({ user_id: user.id, amr: ['pwd'], kind: 'cookie' })
    const first = (await sessionsIn(source, 'password')).filter((it) => it.kind === 'cookie')
    expect(session?.authenticated_at).toEqual(first[0]?.authenticated_at)
    expect(await actsIn(source)).toContain('hand_overs.create')
    expect(await actsIn(target)).toEqual(
      expect.arrayContaining(['hand_overs.redeem', 'auth.signed_in']),
    )
  })

  test('works once, of 16 redemptions at the same time too', async () => {
    const scene = await makeScene()
    const { code, verifier } = await issued(scene)
    const replies = await Promise.all(
      Array.from({ length: 16 }, () => redeem(scene.target, { code, verifier })),
    )
    expect(replies.filter((it) => it.status === 303)).toHaveLength(1)
    expect(await sessionsIn(scene.target)).toHaveLength(1)
    const late = await redeem(scene.target, { code, verifier })
    expect([late.status, late.json.code]).toEqual([400, 'token.invalid'])
  })

  test('answers alike to another verifier, at another tenant, after 61 s, and to any text', async () => {
    const scene = await makeScene()
    const { code, verifier } = await issued(scene)
    const third = await api.makeTenant()
    await third.makeUser({ email: scene.user.email })
    const { verifier: other } = await begin(scene.target, scene.source.subdomain)
    const replies = [
      await redeem(scene.target, { code, verifier: other }),
      await redeem(scene.target, { code, verifier: '' }),
      await redeem(scene.target, { code, verifier: `${verifier}; ${verifier}` }),
      await redeem(third, { code, verifier }),
      await redeem(scene.source, { code, verifier }),
      await redeem(scene.target, { code: `${code}x`, verifier }),
    ]
    await asRole('identity', async (client) => {
      await client.query('begin')
      await client.query('select tenantry.set_tenant($1)', [scene.target.id])
      await client.query(
        "update tenantry.single_use_secrets set expires_at = expires_at - interval '61 s' where kind = 'hand_over'",
      )
      await client.query('commit')
    })
    replies.push(await redeem(scene.target, { code, verifier }))
    const bodies = replies.map(({ status, json: { instance: _, ...body } }) =>
      JSON.stringify([status, body]),
    )
    expect([bodies[0], new Set(bodies).size]).toEqual([expect.stringContaining('token.invalid'), 1])
    expect(await sessionsIn(scene.target)).toEqual([])
    expect(await actsIn(scene.target)).toContain('hand_overs.refuse')
  })

  test('expires after one minute, and is deleted by the next one', async () => {
    const scene = await makeScene()
    expect((await redeem(scene.target, await issued(scene))).status).toBe(303)
    await asRole('identity', async (client) => {
      await client.query('begin')
      await client.query('select tenantry.set_tenant($1)', [scene.target.id])
      await client.query(
        "update tenantry.single_use_secrets set expires_at = expires_at - interval '61 s'",
      )
      await client.query('commit')
    })
    await issued(scene)
    const rows = await asRole('identity', async (client) => {
      await client.query('begin')
      await client.query('select tenantry.set_tenant($1)', [scene.target.id])
      const found = await client.query(
        'select extract(epoch from expires_at - created_at)::int as seconds from tenantry.single_use_secrets',
      )
      await client.query('rollback')
      return found.rows
    })
    expect(rows).toEqual([{ seconds: 60 }])
  })

  test('leads only to an active tenant that the person is an active member of', async () => {
    const scene = await makeScene()
    const { challenge } = await begin(scene.target, scene.source.subdomain)
    const foreign = await api.makeTenant()
    const answers = async (to: string) => {
      const { status, json } = await handOver(scene, { to, challenge })
      return [status, json.code]
    }
    expect(await answers(foreign.id)).toEqual([404, 'resource.not_found'])
    expect(await answers(randomUUID())).toEqual([404, 'resource.not_found'])
    await platform('update tenantry.members set is_active = false where tenant_id = $1', [
      scene.target.id,
    ])
    expect(await answers(scene.target.id)).toEqual([404, 'resource.not_found'])
  })

  test.each([
    [
      'the tenant is suspended',
      "update tenantry.tenants set status = 'suspended' where id = $1",
      403,
    ],
    [
      'the membership has ended',
      'update tenantry.members set is_active = false where tenant_id = $1',
      403,
    ],
  ])('opens nothing if %s meanwhile', async (_, change, status) => {
    const scene = await makeScene()
    const { code, verifier } = await issued(scene)
    await platform(change, [scene.target.id])
    await api.listener.sync()
    expect((await redeem(scene.target, { code, verifier })).status).toBe(status)
    expect(await sessionsIn(scene.target)).toEqual([])
  })

  test('opens nothing after the password has changed', async () => {
    const scene = await makeScene()
    const { code, verifier } = await issued(scene)
    await platform('update tenantry.users set password_hash = null where id = $1', [scene.user.id])
    expect((await redeem(scene.target, { code, verifier })).json.code).toBe('token.invalid')
  })

  test('opens nothing for an address that is not verified, where that is required', async () => {
    const scene = await makeScene()
    const { code, verifier } = await issued(scene)
    await strict.listener.sync()
    const reply = await redeem(scene.target, { code, verifier }, strict)
    expect([reply.status, reply.json.code]).toEqual([403, 'email.unverified'])
    expect(await sessionsIn(scene.target)).toEqual([])
  })

  test('needs a cookie, and a page of its own origin', async () => {
    const scene = await makeScene()
    const { source, target, user } = scene
    const { challenge } = await begin(target, source.subdomain)
    const body = { to: target.id, challenge }
    const bearer = await source.send({
      ...{ method: 'POST', path: '/api/hand-overs', user, body: new URLSearchParams(body) },
      headers: navigation,
    })
    expect([bearer.status, bearer.json.code]).toEqual([403, 'hand_over.cookie_required'])
    for (const origin of [`https://${target.host}`, 'https://evil.example', 'null']) {
      const reply = await handOver(scene, body, { origin })
      expect([reply.status, reply.json.code]).toEqual([403, 'csrf.origin'])
    }
    expect(await sessionsIn(target)).toEqual([])
  })

  // A script of the source could use the code of a reply in another browser.
  test('is given to no script: only a form in the window itself is answered', async () => {
    const scene = await makeScene()
    const { challenge } = await begin(scene.target, scene.source.subdomain)
    const body = { to: scene.target.id, challenge }
    for (const headers of [
      { 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' },
      { 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'empty' },
      { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' },
      { 'sec-fetch-mode': '', 'sec-fetch-dest': '' },
    ]) {
      const reply = await handOver(scene, body, headers)
      expect([reply.status, reply.json.code]).toEqual([403, 'csrf.navigation'])
      expect(reply.headers['location']).toBeUndefined()
    }
    const json = await scene.source.send({
      ...{ method: 'POST', path: '/api/hand-overs', body },
      headers: { ...page(scene.source), ...navigation, cookie: scene.cookie },
    })
    expect(json.status).toBe(415)
  })

  test('keeps its verifier where no script reads it, for a page of the own origin', async () => {
    const { source, target } = await makeScene()
    const { reply, verifier } = await begin(target, source.subdomain)
    const [cookie = ''] = [reply.headers['set-cookie'] ?? ''].flat()
    expect(cookie).toMatch(/^__Host-tenantry-switch=/)
    expect(cookie).toMatch(/; Path=\/; .*HttpOnly; SameSite=Lax; Secure$/)
    expect(reply.text).not.toContain(verifier.split('=')[1])
    for (const origin of [`https://${source.host}`, 'https://evil.example', 'null']) {
      const forged = await target.send({
        ...{ method: 'POST', path: '/api/hand-over-challenges', body: { from: source.subdomain } },
        headers: { ...page(target), origin },
      })
      expect([forged.status, forged.json.code]).toEqual([403, 'csrf.origin'])
    }
    for (const from of ['evil.example', '//evil', 'A', 'a/b', 'x'.repeat(64)]) {
      const body = { from }
      const path = '/api/hand-over-challenges'
      const wrong = await target.send({ method: 'POST', path, headers: page(target), body })
      expect(wrong.status, from).toBe(422)
    }
  })

  // Login CSRF: the attacker's own code in the browser of a victim.
  test('cannot be forged into a browser: it has begun nothing, or has another verifier', async () => {
    const attacker = await makeScene()
    const { code } = await issued(attacker)
    const victim = await begin(attacker.target, attacker.source.subdomain)
    for (const verifier of ['', victim.verifier]) {
      const accept = 'text/html,application/xhtml+xml,*/*;q=0.8'
      const reply = await redeem(attacker.target, { code, verifier, accept })
      const failed = '/auth/switch?problem=token.invalid'
      expect([reply.status, reply.headers['location']]).toEqual([303, failed])
      expect(cookieOf(reply)).toBe('')
    }
    expect(await sessionsIn(attacker.target)).toEqual([])
  })

  test('is refused where its page began elsewhere, and ends with the proof that it rests on', async () => {
    const scene = await makeScene()
    const { code, verifier } = await issued(scene)
    // The browser knows where it wanted to come from.
    const elsewhere = verifier.replace(/\.[^.]*(?=\.)/, '.docs')
    const other = await redeem(scene.target, { code, verifier: elsewhere })
    expect([other.status, other.json.code]).toEqual([400, 'token.invalid'])
    await asAdmin((admin) =>
      admin.query(
        `update tenantry.single_use_secrets
         set data = data || jsonb_build_object('authenticated_at', now() - interval '80 days')
         where tenant_id = $1 and kind = 'hand_over'`,
        [scene.target.id],
      ),
    )
    expect((await redeem(scene.target, { code, verifier })).status).toBe(303)
    const { rows } = await platform(
      `select ceil(extract(epoch from expires_at - now()) / 86400)::int as days
       from tenantry.sessions where tenant_id = $1 and method = 'hand_over'`,
      [scene.target.id],
    )
    expect(rows).toEqual([{ days: 10 }])
  })
})

describe('the receipt of a sign-up', () => {
  async function signUp(email = `f-${unique()}@example.com`) {
    const post = (path: string, body: object) =>
      api.send('app.test', { method: 'POST', path, body })
    const subdomain = `s-${unique()}`
    const { json } = await post('/api/sign-ups', { email, tenant_name: 'Acme', subdomain })
    const [mail] = await api.mailsTo(email)
    const [code] = /^\d{6}$/m.exec(mail?.text ?? '') ?? []
    const password = 'an entirely new one'
    const path = `/api/sign-ups/${json.sign_up_id}/confirmation`
    const { tenant, receipt } = (await post(path, { code, password })).json
    const exchange = (body: object) =>
      post('/api/sign-up-receipts', { to: tenant.id, receipt, ...body })
    const host = `${subdomain}.app.test`
    return { tenant: { ...tenant, host } as TestTenant, receipt, exchange }
  }

  test('opens a session in the new tenant, once', async () => {
    const { tenant, exchange } = await signUp()
    const { verifier, challenge } = await begin(tenant, 'sign-up')
    const { json } = await exchange({ challenge })
    const reply = await redeem(tenant, { code: codeIn(json.url), verifier })
    expect([reply.status, reply.headers['location']]).toEqual([303, '/console'])
    expect(await sessionsIn(tenant)).toEqual([expect.objectContaining({ amr: ['pwd'] })])
    const again = await exchange({ challenge })
    expect([again.status, again.json.code]).toEqual([400, 'token.invalid'])
  })

  test('is of one tenant, and no code of a hand-over', async () => {
    const [one, other] = [await signUp(), await signUp()]
    const { verifier, challenge } = await begin(one.tenant, 'sign-up')
    const wrong = await one.exchange({ to: other.tenant.id, challenge })
    expect(wrong.json.code).toBe('token.invalid')
    const direct = await redeem(one.tenant, { code: one.receipt, verifier })
    expect(direct.json.code).toBe('token.invalid')
  })

  test.runIf(isGlobalScope())('is not given to an account that stays as it is', async () => {
    const elsewhere = await api.makeTenant()
    const user = await elsewhere.makeUser()
    await platform('update tenantry.users set email_verified_at = now() where id = $1', [user.id])
    expect((await signUp(user.email)).receipt).toBeNull()
  })
})
