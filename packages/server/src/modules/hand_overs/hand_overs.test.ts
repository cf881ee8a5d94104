import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { app } from '../../../test/fixtures/app/app.ts'
import { asAdmin, asRole } from '../../../test/fixtures/databases.ts'
import { domainRow } from '../../../test/fixtures/domain_row.ts'
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

function pkce() {
  const verifier = randomBytes(32).toString('base64url')
  return { verifier, challenge: createHash('sha256').update(verifier).digest('base64url') }
}

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

const handOver = ({ source, cookie }: Scene, body: object, headers: object = {}) =>
  source.send({
    ...{ method: 'POST', path: '/api/hand-overs', body },
    headers: { ...page(source), cookie, ...headers },
  })

const redeem = (tenant: TestTenant, body: object, to = api) =>
  to.send(tenant.host, {
    ...{ method: 'POST', path: '/api/hand-over-redemptions', headers: page(tenant) },
    body: { session: 'cookie', ...body },
  })

/** A code for the target, and the verifier of the page there. */
async function issued(scene: Scene) {
  const { verifier, challenge } = pkce()
  const reply = await handOver(scene, { to: scene.target.id, challenge })
  expect(reply.status, reply.text).toBe(200)
  return { verifier, code: codeIn(reply.json.url), url: reply.json.url }
}

const codeIn = (url: string) => new URL(url).hash.replace('#code=', '')

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
    expect(url.startsWith(`https://${target.host}/auth/switch#code=`)).toBe(true)
    const reply = await redeem(target, { code, verifier })
    expect(reply.status, reply.text).toBe(200)
    const cookie = reply.headers['set-cookie']?.split(';')[0] ?? ''
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
    expect(replies.filter((it) => it.status === 200)).toHaveLength(1)
    expect(await sessionsIn(scene.target)).toHaveLength(1)
    const late = await redeem(scene.target, { code, verifier })
    expect([late.status, late.json.code]).toEqual([400, 'token.invalid'])
  })

  test('answers alike to another verifier, at another tenant, after 61 s, and to any text', async () => {
    const scene = await makeScene()
    const { code, verifier } = await issued(scene)
    const third = await api.makeTenant()
    await third.makeUser({ email: scene.user.email })
    const other = pkce().verifier
    const replies = [
      await redeem(scene.target, { code, verifier: other }),
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

  test('expires after one minute', async () => {
    const scene = await makeScene()
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
    const { challenge } = pkce()
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
    const body = { to: target.id, challenge: pkce().challenge }
    const bearer = await source.send({ method: 'POST', path: '/api/hand-overs', user, body })
    expect([bearer.status, bearer.json.code]).toEqual([403, 'hand_over.cookie_required'])
    for (const origin of [`https://${target.host}`, 'https://evil.example', 'null']) {
      const reply = await handOver(scene, body, { origin })
      expect([reply.status, reply.json.code]).toEqual([403, 'csrf.origin'])
    }
    expect(await sessionsIn(target)).toEqual([])
  })

  // Login CSRF: the attacker's own code in the browser of a victim.
  test('cannot be forged into a browser: its page has another verifier, and the request another origin', async () => {
    const attacker = await makeScene()
    const { code, verifier } = await issued(attacker)
    const victim = pkce()
    const inVictim = await redeem(attacker.target, { code, verifier: victim.verifier })
    expect(inVictim.json.code).toBe('token.invalid')
    const fromElsewhere = await attacker.target.send({
      ...{ method: 'POST', path: '/api/hand-over-redemptions' },
      headers: { origin: 'https://evil.example', 'x-forwarded-proto': 'https' },
      body: { code, verifier, session: 'cookie' },
    })
    expect([fromElsewhere.status, fromElsewhere.json.code]).toEqual([403, 'csrf.origin'])
  })

  test('is refused where its page began elsewhere, and ends with the proof that it rests on', async () => {
    const scene = await makeScene()
    const { code, verifier } = await issued(scene)
    const other = await redeem(scene.target, { code, verifier, from: 'docs' })
    expect([other.status, other.json.code]).toEqual([400, 'token.invalid'])
    await asAdmin((admin) =>
      admin.query(
        `update tenantry.single_use_secrets
         set data = data || jsonb_build_object('authenticated_at', now() - interval '80 days')
         where tenant_id = $1 and kind = 'hand_over'`,
        [scene.target.id],
      ),
    )
    const from = scene.source.subdomain
    expect((await redeem(scene.target, { code, verifier, from })).status).toBe(200)
    const { rows } = await platform(
      `select ceil(extract(epoch from expires_at - now()) / 86400)::int as days
       from tenantry.sessions where tenant_id = $1 and method = 'hand_over'`,
      [scene.target.id],
    )
    expect(rows).toEqual([{ days: 10 }])
  })

  test('is of no use on a custom domain', async () => {
    const scene = await makeScene()
    const domain = `d-${unique()}.example`
    await api.database.acrossTenants('test', (db) =>
      db.insertInto('tenantry.domains').values(domainRow(domain, scene.target.id)).execute(),
    )
    const { code, verifier } = await issued(scene)
    const reply = await api.send(domain, {
      ...{ method: 'POST', path: '/api/hand-over-redemptions' },
      headers: { origin: `https://${domain}`, 'x-forwarded-proto': 'https' },
      body: { code, verifier, session: 'cookie' },
    })
    expect([reply.status, reply.json.code]).toEqual([403, 'credentials.custom_domain'])
    expect((await redeem(scene.target, { code, verifier })).status).toBe(200)
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
    const { verifier, challenge } = pkce()
    const { json } = await exchange({ challenge })
    const reply = await redeem(tenant, { code: codeIn(json.url), verifier })
    expect(reply.status, reply.text).toBe(200)
    expect(await sessionsIn(tenant)).toEqual([expect.objectContaining({ amr: ['pwd'] })])
    const again = await exchange({ challenge })
    expect([again.status, again.json.code]).toEqual([400, 'token.invalid'])
  })

  test('is of one tenant, and no code of a hand-over', async () => {
    const [one, other] = [await signUp(), await signUp()]
    const { verifier, challenge } = pkce()
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
