import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  startTestApp,
  type TestApp,
  type TestRequest,
  type TestTenant,
  type TestUser,
} from '../../src/testing.ts'
import { app } from '../fixtures/app/app.ts'
import { domainRow } from '../fixtures/domain_row.ts'
import { expectProblem } from '../fixtures/problem.ts'

// A tenant's administrator serves the tenant's custom domain. The person has other tenants too.
let api: TestApp
let evil: TestTenant
let other: TestTenant
let domain: string
let victim: TestUser
beforeAll(async () => {
  api = await startTestApp(app, { TRUST_PROXY: '127.0.0.1' })
  ;[evil, other] = [await api.makeTenant(), await api.makeTenant()]
  victim = await evil.makeUser()
  await other.makeUser({ email: victim.email })
  domain = await ownDomain(evil)
})
afterAll(() => api.close())

async function ownDomain({ id: tenant_id }: TestTenant): Promise<string> {
  const name = `d-${randomBytes(5).toString('hex')}.example`
  await api.database.acrossTenants('test', (db) =>
    db.insertInto('tenantry.domains').values(domainRow(name, tenant_id)).execute(),
  )
  return name
}

// Every field by which a person proves to be that person. A refresh token opens this tenant only.
const CREDENTIALS = ['password', 'new_password', 'token', 'code', 'secret']

async function credentialRoutes(): Promise<string[]> {
  const { json } = await evil.send({ path: '/openapi.json' })
  const schemas = JSON.stringify(json.components.schemas)
  expect(schemas).toContain('new_password')
  return (
    Object.entries<Record<string, { requestBody?: unknown; 'x-access': string }>>(json.paths)
      // Those of APP_HOST do not exist at a custom domain.
      .filter(([, { post }]) => post?.['x-access'] !== 'base')
      .filter(([, { post }]) => CREDENTIALS.some((it) => fieldsOf(json, post).includes(it)))
      .map(([path]) => path)
  )
}

// biome-ignore lint/suspicious/noExplicitAny: an OpenAPI document is read by name.
function fieldsOf(document: any, operation: any): string[] {
  return Object.values<{ schema: { $ref?: string; properties?: object } }>(
    operation?.requestBody?.content ?? {},
  ).flatMap(({ schema }) => {
    const name = schema.$ref?.split('/').at(-1)
    const found = name === undefined ? schema : document.components.schemas[name]
    return Object.keys(found.properties ?? {})
  })
}

test('accepts no credential of the person on any route', async () => {
  const routes = await credentialRoutes()
  expect(routes).toEqual(
    expect.arrayContaining(['/api/auth/login', '/api/auth/token', '/api/auth/reset-password']),
  )
  const { email, password } = victim
  const bodies = {
    '/api/auth/login': { email, password },
    '/api/auth/token': new URLSearchParams({ username: email, password }),
    '/api/auth/reset-password': { token: 'x'.repeat(43), new_password: 'an entirely new one' },
    '/api/auth/forgot-password': { email },
    '/api/email-verifications': { token: 'x'.repeat(43) },
    '/api/email-changes': { token: 'x'.repeat(43) },
    '/api/invitation-previews': { token: 'x'.repeat(43) },
    '/api/invitation-acceptances': { token: 'x'.repeat(43), password },
  }
  for (const path of [...routes, '/api/auth/forgot-password']) {
    const body = bodies[path as keyof typeof bodies]
    expect(body, `a body for ${path}`).toBeDefined()
    const reply = await api.send(domain, { method: 'POST', path, body })
    const problem = { code: 'credentials.custom_domain' }
    expect(reply, path).toMatchObject({ status: 403, json: problem })
    expect(reply.json.detail).toContain(`https://${evil.host}`)
  }
})

test('accepts no password in the query either', async () => {
  const { email, password } = victim
  const path = `/api/auth/login?${new URLSearchParams({ email, password })}`
  expect((await api.send(domain, { method: 'POST', path })).status).toBe(403)
})

test('is named by no mail: the take-over by a reset link fails', async () => {
  const body = { email: victim.email }
  await evil.send({ method: 'POST', path: '/api/auth/forgot-password', body })
  const [mail] = await api.mailsTo(victim.email)
  const token = /#token=([\w-]+)/.exec(mail?.text ?? '')?.[1] ?? ''
  await evil.send({
    method: 'POST',
    path: '/api/auth/reset-password',
    body: { token, new_password: victim.password },
  })
  const mails = await api.mailsTo(victim.email, 2)
  const domains = await api.database.acrossTenants('test', (db) =>
    db.selectFrom('tenantry.domains').select('name').execute(),
  )
  expect(domains.map(({ name }) => name)).toContain(domain)
  for (const { subject, text, html } of mails) {
    for (const { name } of domains) expect(`${subject}${text}${html}`).not.toContain(name)
  }
  expect(mails.at(-1)?.text).toContain(`https://${evil.host}/auth/reset-password#token=`)
})

// Who answers at the name gets the credentials that a client sends there.
test('accepts no token and no cookie of the subdomain', async () => {
  const { email, password } = victim
  const login = { method: 'POST', path: '/api/auth/login' } as const
  const signedIn = await evil.send({ ...login, body: { email, password } })
  const { access_token, refresh_token } = signedIn.json
  const https = { 'x-forwarded-proto': 'https' }
  const page = { ...https, origin: `https://${evil.host}` }
  const browser = await evil.send({
    ...{ ...login, body: { email, password, session: 'cookie' } },
    headers: page,
  })
  const cookie = browser.headers['set-cookie']?.split(';')[0] ?? ''
  const refresh = { method: 'POST', path: '/api/auth/refresh', body: { refresh_token } } as const
  const requests: TestRequest[] = [
    { path: '/api/auth/me', headers: { authorization: `Bearer ${access_token}` } },
    { path: '/api/auth/me', headers: { ...https, cookie } },
    refresh,
  ]
  for (const host of [domain, other.host, await ownDomain(other)]) {
    for (const request of requests) expectProblem(await api.send(host, request), 401)
  }
  for (const request of requests) expect((await evil.send(request)).status).toBe(200)
})
