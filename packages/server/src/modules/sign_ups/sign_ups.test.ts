import { createHmac, randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { app } from '../../../test/fixtures/app/app.ts'
import { policy } from '../../../test/fixtures/app/policy.ts'
import { asRole } from '../../../test/fixtures/databases.ts'
import { isGlobalScope } from '../../../test/fixtures/identity_scope.ts'
import { backgroundScope } from '../../db/tenancy.ts'
import { newId } from '../../lib/ids.ts'
import { keyRing } from '../../lib/keys.ts'
import { mailedCode } from '../../mail/mailed_secret.ts'
import type { TestReply } from '../../testing/http_client.ts'
import { startTestApp, type TestApp } from '../../testing.ts'
import { newSignUpSecrets } from './sign_up_secret.ts'

const { job } = policy.jobs<never>()

// Writes a row that shows in which scope it ran: an app's tables need no grant of the sign-up's role.
const firstRows = job('projects.welcome', {
  payload: z.strictObject({}),
  audit: 'projects.welcome',
  run: async ({ audit, actor }) => audit({ meta: { for: actor?.user.email } }),
})

const settings = { SIGN_UP: 'on' }
let api: TestApp
beforeAll(async () => {
  api = await startTestApp(app, settings)
})
afterAll(() => api.close())

const PASSWORD = 'an entirely new one'
const unique = () => randomBytes(6).toString('hex')
const newAddress = () => `founder-${unique()}@example.com`

const post = (path: string, body: unknown, headers: Record<string, string> = {}, to = api) =>
  to.send(to.config.APP_HOST, { method: 'POST', path, body, headers })

const start = (given: object = {}, headers = {}, to = api) =>
  post(
    '/api/sign-ups',
    { email: newAddress(), tenant_name: 'Acme', subdomain: `s-${unique()}`, ...given },
    headers,
    to,
  )

/** Starts a sign-up, and returns what its mail says. */
async function started(
  given: { email?: string; subdomain?: string; locale?: string } = {},
  to = api,
) {
  const { email = newAddress(), subdomain = `s-${unique()}` } = given
  const before = (await to.mailsTo(email, 0)).length
  const reply = await start({ ...given, email, subdomain }, {}, to)
  expect(reply.status, reply.text).toBe(202)
  const [mail] = await to.mailsTo(email, before + 1)
  const [code = ''] = /^\d{6}$/m.exec(mail?.text ?? '') ?? []
  const [, id, token = ''] = /#id=([\w-]+)&token=([\w-]+)/.exec(mail?.text ?? '') ?? []
  expect(id).toBe(reply.json.sign_up_id)
  return { id: String(id), code, token, email, subdomain, mail }
}

const confirm = (id: string, body: object, to = api) =>
  post(`/api/sign-ups/${id}/confirmation`, body, {}, to)
const preview = (id: string, body: object) => post(`/api/sign-ups/${id}/preview`, body)

const login = (subdomain: string, email: string, password: string) =>
  api.send(`${subdomain}.app.test`, {
    method: 'POST',
    path: '/api/auth/login',
    body: { email, password },
  })

const tenantsCalled = (subdomain: string) =>
  asRole('platform', async (client) => {
    const found = await client.query(
      'select id, name, code from tenantry.tenants where subdomain = $1',
      [subdomain],
    )
    return found.rows
  })

const usersWith = (email: string) =>
  asRole('platform', async (client) => {
    const columns = 'id, full_name, locale, email_verified_at'
    const found = await client.query(`select ${columns} from tenantry.users where email = $1`, [
      email,
    ])
    return found.rows
  })

const inIdentity = <T>(
  work: (query: (sql: string, values?: unknown[]) => Promise<T[]>) => Promise<T[]>,
) =>
  asRole('identity', (client) =>
    work(async (sql, values) => (await client.query(sql, values)).rows),
  )

const acts = (tenantId: string) =>
  api.database.inTenant(backgroundScope(tenantId), (db) =>
    db
      .selectFrom('tenantry.audit_logs')
      .select(['action', 'actor_id', 'entity_id', 'meta'])
      .orderBy('id')
      .execute(),
  )

describe('a sign-up', () => {
  test('creates a tenant and its owner, who can do everything there', async () => {
    const { id, code, email, subdomain } = await started({ locale: 'de' })
    const shown = await preview(id, { code })
    expect(shown.json).toEqual({ email, tenant_name: 'Acme', subdomain, account: 'none' })
    const full_name = 'Ada Lovelace'
    const reply = await confirm(id, { code, full_name, password: PASSWORD })
    expect(reply.status, reply.text).toBe(201)
    const { tenant } = reply.json
    expect(reply.json).toEqual({
      tenant: { id: tenant.id, name: 'Acme', subdomain, origin: `https://${subdomain}.app.test` },
      account: 'created',
      receipt: expect.any(String),
    })
    const signedIn = await login(subdomain, email, PASSWORD)
    expect([signedIn.status, signedIn.json.roles]).toEqual([200, ['admin_tenant']])
    const [user] = await usersWith(email)
    expect(user).toMatchObject({ full_name, locale: 'de', email_verified_at: expect.any(Date) })
    const log = await acts(tenant.id)
    expect(log.slice(0, 3).map((it) => it.action)).toEqual([
      'tenants.create',
      'sign_ups.confirm',
      'members.create',
    ])
    expect(new Set(log.map((it) => it.actor_id))).toEqual(new Set([user.id]))
  })

  test('is confirmed by the link of the mail, which leads to APP_HOST whatever the request says (TEN-7)', async () => {
    const headers = { 'x-forwarded-host': 'evil.example', forwarded: 'host=evil.example' }
    const email = newAddress()
    await start({ email }, headers)
    const [mail] = await api.mailsTo(email)
    const links = `${mail?.text}${mail?.html}`.match(/https?:\/\/[^\s"<]+/g) ?? []
    expect(new Set(links.map((it) => new URL(it).origin))).toEqual(new Set(['https://app.test']))
    const { id, token } = await started()
    const reply = await confirm(id, { token, password: PASSWORD })
    expect(reply.status, reply.text).toBe(201)
  })

  test('that is not confirmed leaves nothing, and holds no name', async () => {
    const { id, code, email, subdomain } = await started()
    expect(await tenantsCalled(subdomain)).toEqual([])
    expect(await usersWith(email)).toEqual([])
    const free = await api.send('app.test', { path: `/api/subdomains/${subdomain}` })
    expect(free.json).toEqual({ available: true, reason: null })
    await inIdentity((query) =>
      query("update tenantry.sign_ups set expires_at = now() - interval '1 s' where id = $1", [id]),
    )
    expect((await confirm(id, { code, password: PASSWORD })).json.code).toBe('token.invalid')
    const { purgeSignUps } = await import('./sign_ups.ts')
    await purgeSignUps(api)
    const rows = await inIdentity((query) =>
      query(
        'select id from tenantry.sign_ups where id = $1 union select id from tenantry.installation_mails where sign_up_id = $1',
        [id],
      ),
    )
    expect(rows).toEqual([])
    expect(await tenantsCalled(subdomain)).toEqual([])
    expect(await usersWith(email)).toEqual([])
  })

  test('is used by one of 16 confirmations at the same time', async () => {
    const { id, code, subdomain } = await started()
    const replies = await Promise.all(
      Array.from({ length: 16 }, () => confirm(id, { code, password: PASSWORD })),
    )
    const statuses = replies.map((it) => it.status).sort()
    expect(statuses.filter((it) => it === 201)).toHaveLength(1)
    expect(statuses.filter((it) => it !== 201).every((it) => it === 400 || it === 409)).toBe(true)
    expect(await tenantsCalled(subdomain)).toHaveLength(1)
  })

  test.runIf(isGlobalScope())(
    'for one name: of 50 at the same time one creates a tenant, and the others nothing',
    async () => {
      const subdomain = `race-${unique()}`
      const all = await Promise.all(Array.from({ length: 50 }, () => started({ subdomain })))
      const replies = await Promise.all(
        all.map(({ id, code }) => confirm(id, { code, password: PASSWORD })),
      )
      const winners = all.filter((_, at) => replies[at]?.status === 201)
      expect(winners).toHaveLength(1)
      const codes = new Set(replies.map((it) => it.json.code).filter((it) => it !== undefined))
      expect([...codes].every((it) => ['subdomain.taken', 'tenant.exists'].includes(it))).toBe(true)
      expect(await tenantsCalled(subdomain)).toHaveLength(1)
      for (const { email } of all.filter((it) => !winners.includes(it))) {
        expect(await usersWith(email)).toEqual([])
      }
      // Who lost takes another name, with the same code.
      const [loser] = all.filter((it) => !winners.includes(it))
      const other = `race-${unique()}`
      const again = await confirm(loser?.id ?? '', {
        ...{ code: loser?.code, password: PASSWORD, subdomain: other, tenant_name: 'Acme Two' },
      })
      expect(again.json.tenant).toMatchObject({ subdomain: other, name: 'Acme Two' })
    },
  )

  test('gives tenants whose names begin alike codes of their own', async () => {
    const start = `long-${unique()}-${'a'.repeat(30)}`
    for (const subdomain of [`${start}-1`, `${start}-2`]) {
      const { id, code } = await started({ subdomain })
      expect((await confirm(id, { code, password: PASSWORD })).status).toBe(201)
    }
  })

  test.runIf(isGlobalScope())(
    'of a person with an account leaves that account as it is',
    async () => {
      const other = await api.makeTenant()
      const user = await other.makeUser()
      await asRole('platform', (client) =>
        client.query('update tenantry.users set email_verified_at = now() where id = $1', [
          user.id,
        ]),
      )
      const before = await usersWith(user.email)
      const { id, code, subdomain } = await started({ email: user.email })
      expect((await preview(id, { code })).json.account).toBe('exists')
      const reply = await confirm(id, { code, password: PASSWORD, full_name: 'Somebody Else' })
      expect([reply.status, reply.json.account]).toEqual([201, 'exists'])
      expect(await usersWith(user.email)).toEqual(before)
      expect((await login(subdomain, user.email, PASSWORD)).status).toBe(401)
      expect((await login(subdomain, user.email, user.password)).status).toBe(200)
      const me = await other.send({ path: '/api/auth/me', user })
      expect(me.status).toBe(200)
    },
  )

  test.runIf(isGlobalScope())(
    'of a person whose address was never verified replaces the password and ends all sessions (INV-2)',
    async () => {
      const other = await api.makeTenant()
      const user = await other.makeUser()
      const { id, code, subdomain } = await started({ email: user.email })
      expect((await confirm(id, { code })).json.errors).toEqual([
        expect.objectContaining({ pointer: '/password' }),
      ])
      const reply = await confirm(id, { code, password: PASSWORD })
      expect([reply.status, reply.json.account]).toEqual([201, 'created'])
      expect((await other.send({ path: '/api/auth/me', user })).status).toBe(401)
      expect((await login(subdomain, user.email, user.password)).status).toBe(401)
      expect((await login(subdomain, user.email, PASSWORD)).status).toBe(200)
    },
  )

  test('adds the job of the first rows in the transaction, as the owner, and waits for it', async () => {
    const to = await withFirstRows()
    const { id, code, email, subdomain } = await started({}, to)
    const begun = performance.now()
    const confirming = confirm(id, { code, password: PASSWORD }, to)
    await expect.poll(() => tenantsCalled(subdomain)).toHaveLength(1)
    const [{ id: tenantId }] = await tenantsCalled(subdomain)
    to.runJobsOf(tenantId)
    expect((await confirming).json.tenant.id).toBe(tenantId)
    const welcomes = async () =>
      (await acts(tenantId)).filter((it) => it.action === 'projects.welcome').map((it) => it.meta)
    // A busy machine may take longer than the reply waits.
    if (performance.now() - begun < 2_000) expect(await welcomes()).toHaveLength(1)
    await expect.poll(welcomes).toEqual([expect.objectContaining({ for: email })])
  })

  test('waits two seconds at most for the first rows, which no worker makes', async () => {
    const to = await withFirstRows()
    const { id, code } = await started({}, to)
    const begun = performance.now()
    const reply = await confirm(id, { code, password: PASSWORD }, to)
    expect(reply.status, reply.text).toBe(201)
    expect(performance.now() - begun).toBeGreaterThan(2_000)
    expect((await acts(reply.json.tenant.id)).map((it) => it.action)).not.toContain(
      'projects.welcome',
    )
  })
})

// With a key of its own, it does not send the mails of the other app.
async function withFirstRows(): Promise<TestApp> {
  const own = { ...settings, SECRET_KEY: unique().repeat(4) }
  const to = await startTestApp({ ...app, tenantCreated: firstRows }, own)
  onTestFinished(() => to.close())
  return to
}

describe('the code of a sign-up', () => {
  test('is void after five wrong ones, however many come at the same time', async () => {
    const { id, code, token } = await started()
    const wrong = String((Number(code) + 1) % 1_000_000).padStart(6, '0')
    const replies = await Promise.all(
      Array.from({ length: 20 }, (_, at) =>
        (at % 2 === 0 ? confirm : preview)(id, { code: wrong }),
      ),
    )
    const bodies = replies.map(({ json: { instance: _, ...body } }) => JSON.stringify(body))
    expect([replies[0]?.status, new Set(bodies).size]).toEqual([400, 1])
    for (const proof of [{ code }, { token }]) {
      const { status, json } = await confirm(id, { ...proof, password: PASSWORD })
      expect([status, json.code]).toEqual([400, 'token.invalid'])
    }
  })

  test('answers alike if it is wrong, used, of another sign-up, or of none', async () => {
    const [one, other] = [await started(), await started()]
    const used = await started()
    await confirm(used.id, { code: used.code, password: PASSWORD })
    const bodies = [
      await confirm(one.id, { code: other.code, password: PASSWORD }),
      await confirm(one.id, { token: other.token, password: PASSWORD }),
      await confirm(used.id, { code: used.code, password: PASSWORD }),
      await confirm(newId(), { code: one.code, password: PASSWORD }),
      await confirm(one.id, { token: `${one.token}x`, password: PASSWORD }),
    ].map(({ status, json: { instance: _, ...body } }) => JSON.stringify([status, body]))
    expect(new Set(bodies).size).toBe(1)
    expect(bodies[0]).toContain('token.invalid')
  })

  test('comes in a mail that repeats nothing of what a stranger chose, and not in its subject', async () => {
    const [email, tenant_name] = [newAddress(), 'You won: https://evil.example/prize']
    for (const locale of ['en', 'de']) {
      const before = (await api.mailsTo(email, 0)).length
      await start({ email, tenant_name, locale })
      const [mail] = await api.mailsTo(email, before + 1)
      expect(`${mail?.subject}${mail?.text}${mail?.html}`).not.toMatch(/won|evil|prize/)
      expect(mail?.subject).not.toMatch(/\d{6}/)
    }
  })

  test('is kept as keyed hashes only', async () => {
    const { id, code, token } = await started()
    const [row] = await inIdentity((query) =>
      query('select to_jsonb(s)::text as text from tenantry.sign_ups s where id = $1', [id]),
    )
    const text = JSON.stringify(row)
    expect(text).not.toContain(code)
    expect(text).not.toContain(token)
  })
})

describe('the answer to a sign-up', () => {
  test('has the same form for an address with an account, and the same mail', async () => {
    const tenant = await api.makeTenant()
    const known = await tenant.makeUser()
    const [one, other] = [await start({ email: known.email }), await start()]
    const shape = ({ status, json, headers }: typeof one) => [
      status,
      Object.keys(json),
      Object.keys(headers).sort(),
      headers['content-length'],
    ]
    expect(shape(one)).toEqual(shape(other))
  })

  // n = 200 of each kind, in pairs, so that a slow moment of the machine reaches both.
  test.runIf(isGlobalScope())(
    'takes as long for an address with an account as for one without (AUTHN-4)',
    async () => {
      const known = await makeUsers(200)
      const times: Record<'known' | 'unknown', number[]> = { known: [], unknown: [] }
      const measure = async (kind: keyof typeof times, email: string) => {
        const begun = performance.now()
        expect((await start({ email })).status).toBe(202)
        times[kind].push(performance.now() - begun)
      }
      for (const email of known) {
        const both = [['known', email] as const, ['unknown', newAddress()] as const]
        // In a random order: mails that leave in the background may slow down every second request.
        for (const [kind, address] of Math.random() < 0.5 ? both : both.toReversed()) {
          await measure(kind, address)
        }
      }
      // The two kinds do not differ by more than the noise of this machine.
      const ratio = median(times.known) / median(times.unknown)
      expect(ratio).toBeGreaterThan(0.8)
      expect(ratio).toBeLessThan(1.25)
    },
    120_000,
  )
})

async function makeUsers(count: number): Promise<string[]> {
  const emails = Array.from({ length: count }, newAddress)
  await asRole('platform', (client) =>
    client.query(
      `insert into tenantry.users (id, email, email_key, email_verified_at)
       select gen_random_uuid(), it, it, now() from unnest($1::text[]) it`,
      [emails],
    ),
  )
  return emails
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
}

describe('a sign-up is refused', () => {
  test('for a name that is taken, reserved or malformed', async () => {
    const { subdomain } = await api.makeTenant()
    const taken = await start({ subdomain })
    expect([taken.status, taken.json.code]).toEqual([409, 'subdomain.taken'])
    for (const name of ['adm1n', 'a_b', '4711', 'xn--bcher-kva', '']) {
      const reply = await start({ subdomain: name })
      expect([reply.status, reply.json.errors[0].pointer]).toEqual([422, '/subdomain'])
    }
  })

  test('for a malformed address, an empty or invisible name, and unknown fields', async () => {
    for (const given of [
      { email: 'no address' },
      { email: 'a@b.example, c@d.example' },
      { tenant_name: '' },
      { tenant_name: 'Ac\u202eme' },
      { locale: 'not a language' },
      { role: 'admin_tenant' },
    ]) {
      expect((await start(given)).status).toBe(422)
    }
  })

  test('if a password is weak, and the code still works', async () => {
    const { id, code } = await started()
    for (const password of ['short', 'password1', 'aaaaaaaaaa']) {
      const reply = await confirm(id, { code, password })
      expect([reply.status, reply.json.errors[0].pointer]).toEqual([422, '/password'])
    }
    expect((await confirm(id, { code, password: PASSWORD })).status).toBe(201)
  })

  test('at the host of a tenant', async () => {
    const { host } = await api.makeTenant()
    const body = { email: newAddress(), tenant_name: 'A', subdomain: `s-${unique()}` }
    expect((await api.send(host, { method: 'POST', path: '/api/sign-ups', body })).status).toBe(404)
  })

  test('where sign-up is off, also for a code that was sent before', async () => {
    const { id, code } = await started()
    const closed = await startTestApp(app, { SIGN_UP: 'off' })
    try {
      for (const [path, body] of [
        ['/api/sign-ups', { email: newAddress(), tenant_name: 'A', subdomain: `s-${unique()}` }],
        [`/api/sign-ups/${id}/confirmation`, { code, password: PASSWORD }],
        [`/api/sign-ups/${id}/preview`, { code }],
      ] as const) {
        const reply = await post(path, body, {}, closed)
        expect([reply.status, reply.json.code]).toEqual([403, 'sign_up.off'])
      }
      const shown = await closed.send(closed.config.APP_HOST, { path: '/api/installation' })
      expect(shown.json).toMatchObject({ name: app.name, sign_up: false, terms_url: null })
    } finally {
      await closed.close()
    }
  })
})

describe('the limits of sign-ups', () => {
  test('let three mails a day reach one mailbox, and answer alike to the fourth', async () => {
    const email = newAddress()
    const replies: TestReply[] = []
    for (let n = 0; n < 5; n++) replies.push(await start({ email }))
    expect(replies.map((it) => it.status)).toEqual(Array(5).fill(202))
    await api.running.settle()
    expect(await api.mailsTo(email, 3)).toHaveLength(3)
    // What did not leave proves nothing, or each further sign-up would allow five more guesses.
    const keys = keyRing(String(api.config.SECRET_KEY))
    const outcomes: number[] = []
    for (const { sign_up_id: id } of replies.map((it) => it.json)) {
      const code = mailedCode(newSignUpSecrets(keys, id).token)
      outcomes.push((await preview(id, { code })).status)
    }
    expect(outcomes).toEqual([200, 200, 200, 400, 400])
    expect(new Set(replies.map((it) => Object.keys(it.json).join())).size).toBe(1)
  })

  // Each app counts with a key of its own.
  const limited = (more: object) =>
    startTestApp(app, { TRUST_PROXY: '127.0.0.1', SECRET_KEY: unique().repeat(4), ...more })
  const from = (to: TestApp, address: string, given: object = {}) =>
    start(given, { 'x-forwarded-for': address }, to)
  // As if the hour in which further networks got mails had ended.
  const endHour = (to: TestApp, mailbox: string) =>
    inIdentity(async (query) => {
      const mac = createHmac('sha256', keyRing(String(to.config.SECRET_KEY)).current.key('attempt'))
      const key = mac
        .update(JSON.stringify(['sign-up mailbox further', mailbox]))
        .digest('base64url')
      const end =
        'update tenantry.attempt_counters set resets_at = now() where key = $1 returning key'
      expect(await query(end, [key])).toHaveLength(1)
      return []
    })
  const codesOf = async (to: TestApp, sent: Promise<TestReply>[]) => {
    const keys = keyRing(String(to.config.SECRET_KEY))
    const outcomes: number[] = []
    for (const { sign_up_id: id } of (await Promise.all(sent)).map((it) => it.json)) {
      const body = { code: mailedCode(newSignUpSecrets(keys, id).token) }
      outcomes.push((await post(`/api/sign-ups/${id}/preview`, body, {}, to)).status)
    }
    return outcomes
  }

  test('let other networks use up the mails of a person for an hour at most', async () => {
    const to = await limited({})
    try {
      const email = newAddress()
      const ask = (address: string) => codesOf(to, [from(to, address, { email })])
      // Four networks have the whole budget of the day, and are then refused.
      for (let network = 1; network <= 4; network++) {
        for (let n = 1; n <= 3; n++) expect(await ask(`192.0.${network}.${n}`)).toEqual([200])
      }
      expect(await ask('192.0.1.9')).toEqual([400])
      // The person, and each further network, gets one mail.
      expect([...(await ask('198.51.100.7')), ...(await ask('198.51.100.8'))]).toEqual([200, 400])
      expect([...(await ask('2001:db8:1::1')), ...(await ask('2001:db8:1:2::1'))]).toEqual([
        200, 400,
      ])
      const further = Array.from({ length: 9 }, (_, n) => `203.0.${n}.1`)
      const outcomes: number[] = []
      for (const it of further) outcomes.push(...(await ask(it)))
      expect(outcomes).toEqual([...Array(8).fill(200), 400])
      await endHour(to, email)
      expect(await ask('198.51.101.7')).toEqual([200])
    } finally {
      await to.close()
    }
  })

  test('bound those of one client and its network', async () => {
    const to = await limited({ SIGN_UP_LIMIT_ADDRESS: '2' })
    try {
      const statuses = async (addresses: string[]) => {
        const replies: number[] = []
        for (const it of addresses) replies.push((await from(to, it)).status)
        return replies
      }
      expect(await statuses(Array(3).fill('192.0.2.1'))).toEqual([202, 202, 429])
      const others = Array.from({ length: 7 }, (_, at) => `192.0.2.${at + 2}`)
      expect(await statuses(others)).toEqual([...Array(6).fill(202), 429])
      expect(await statuses(['192.0.3.1'])).toEqual([202])
    } finally {
      await to.close()
    }
  })

  test('of the installation count mails that leave, and degrade: each network gets one more', async () => {
    const to = await limited({ SIGN_UP_PER_HOUR: '4' })
    try {
      const email = newAddress()
      // Three of these mails leave.
      for (let n = 0; n < 6; n++) {
        expect((await from(to, '192.0.2.1', { email })).status).toBe(202)
      }
      expect((await from(to, '192.0.2.2')).status).toBe(202)
      const next = [await from(to, '192.0.2.3'), await from(to, '192.0.2.4')]
      expect(next.map((it) => it.status)).toEqual([202, 429])
      const rest: number[] = []
      for (let n = 1; n <= 36; n++) rest.push((await from(to, `198.51.${n}.1`)).status)
      expect(rest).toEqual([...Array(35).fill(202), 429])
    } finally {
      await to.close()
    }
  })
})

test('terms have to be accepted, and the log of the tenant names them', async () => {
  const terms = await startTestApp(app, {
    TERMS_URL: 'https://example.com/terms',
    TERMS_VERSION: '2026-11',
    SECRET_KEY: unique().repeat(4),
  })
  try {
    for (const accepts_terms of [undefined, false]) {
      const reply = await start({ accepts_terms }, {}, terms)
      expect(reply.json.errors).toEqual([expect.objectContaining({ pointer: '/accepts_terms' })])
    }
    const { id, code } = await started({ accepts_terms: true } as object, terms)
    const path = `/api/sign-ups/${id}/confirmation`
    const reply = await post(path, { code, password: PASSWORD }, {}, terms)
    expect(reply.status, reply.text).toBe(201)
    const log = await acts(reply.json.tenant.id)
    expect(log.find((it) => it.action === 'sign_ups.confirm')?.meta).toEqual({
      terms_version: '2026-11',
    })
    expect((await terms.send('app.test', { path: '/api/installation' })).json.terms_url).toBe(
      'https://example.com/terms',
    )
  } finally {
    await terms.close()
  }
})
