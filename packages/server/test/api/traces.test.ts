import { randomUUID } from 'node:crypto'
import { type HrTime, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-node'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { secretFaults } from '../../src/testing/sweeps/secrets.ts'
import { createWorld } from '../../src/testing/sweeps/world/world.ts'
import {
  startTestApp,
  type TestApp,
  type TestReply,
  type TestRequest,
  type TestTenant,
} from '../../src/testing.ts'
import { app } from '../fixtures/app/app.ts'

const exporter = new InMemorySpanExporter()
const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
const UPSTREAM = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' }
const traceparent = `00-${UPSTREAM.traceId}-${UPSTREAM.spanId}-01`

let api: TestApp
let proxied: TestApp
beforeAll(async () => {
  provider.register()
  api = await startTestApp(app)
  proxied = await startTestApp(app, { TRUST_PROXY: '127.0.0.1' })
})
afterAll(async () => {
  await proxied.close()
  await api.close()
  await provider.shutdown()
  trace.disable()
})

/** Runs a request and waits for its span to end. Returns the span and its children. */
async function traced(work: () => Promise<TestReply>) {
  const id = (await work()).headers['x-request-id']
  const find = () =>
    exporter.getFinishedSpans().find((it) => it.attributes['tenantry.request_id'] === id)
  await expect.poll(find, { timeout: 10_000 }).toBeDefined()
  const request = find()
  if (request === undefined) throw new Error('no span')
  const { traceId, spanId } = request.spanContext()
  const children = exporter
    .getFinishedSpans()
    .filter((it) => it.spanContext().traceId === traceId && it.parentSpanContext?.spanId === spanId)
  return { request, children, traceId }
}

const ms = ([seconds, nanoseconds]: HrTime = [0, 0]) => seconds * 1e3 + nanoseconds / 1e6

async function withMember(of: TestApp = api) {
  const tenant = await of.makeTenant()
  const user = await tenant.makeUser({ roles: ['admin_tenant'] })
  // Fills the caches: the look-ups cost no statement from here on.
  await tenant.send({ path: '/api/auth/me', user })
  return { tenant, user }
}

describe('a request is one span', () => {
  test('named by its route, with the ids of tenant and user', async () => {
    const { tenant, user } = await withMember()
    const path = `/api/projects/${randomUUID()}?secret=of-a-query`
    const { request } = await traced(() => tenant.send({ path, user }))
    expect(request.kind).toBe(SpanKind.SERVER)
    expect(request.name).toBe('GET /api/projects/:project_id')
    expect(request.parentSpanContext).toBeUndefined()
    expect(request.attributes).toMatchObject({
      'http.request.method': 'GET',
      'http.route': '/api/projects/:project_id',
      'http.response.status_code': 422,
      'tenantry.tenant_id': tenant.id,
      'user.id': user.id,
      'error.type': 'request.invalid',
    })
    expect(JSON.stringify(request.attributes)).not.toMatch(/of-a-query|@|projects\/0/)
  })

  test('with its transaction as a child', async () => {
    const { tenant, user } = await withMember()
    const post = { method: 'POST', path: '/api/projects', body: { name: 'Apollo' }, user }
    const { request, children } = await traced(() => tenant.send(post))
    expect(request.attributes['http.response.status_code']).toBe(201)
    expect(children.map((it) => [it.name, it.kind, it.attributes])).toEqual([
      [
        'transaction',
        SpanKind.CLIENT,
        {
          'db.system.name': 'postgresql',
          'tenantry.db_role': 'app',
          'tenantry.outcome': 'commit',
          'tenantry.statements': expect.any(Number),
        },
      ],
    ])
    expect(ms(children[0]?.duration)).toBeLessThanOrEqual(ms(request.duration))
  })

  test('without a child where no query was sent', async () => {
    const { tenant, user } = await withMember()
    const { children } = await traced(() => tenant.send({ path: '/api/tenant/tenant-data', user }))
    expect(children).toEqual([])
  })

  test('whose trace id is in the log line', async () => {
    const { tenant, user } = await withMember()
    const { request, traceId } = await traced(() => tenant.send({ path: '/api/auth/me', user }))
    const id = String(request.attributes['tenantry.request_id'])
    const line = api.logLines.find((it) => it.includes(id))
    expect(JSON.parse(line ?? '{}')).toMatchObject({ trace_id: traceId, route: '/api/auth/me' })
  })

  test('with a rollback as its outcome where the work failed', async () => {
    const { tenant, user } = await withMember()
    const path = '/api/projects'
    const create = () => tenant.send({ method: 'POST', path, body: { name: 'Twice' }, user })
    await create()
    const { request, children } = await traced(create)
    expect(request.attributes['http.response.status_code']).toBe(409)
    expect(request.status.code).toBe(SpanStatusCode.UNSET)
    expect(children.map((it) => it.attributes['tenantry.outcome'])).toEqual(['rollback'])
    expect(JSON.stringify(children[0]?.attributes)).not.toContain('Twice')
  })
})

describe('a trace that began elsewhere', () => {
  const withParent = (tenant: TestTenant, more: Record<string, string> = {}): TestRequest => ({
    path: '/',
    headers: { host: tenant.host, traceparent, ...more },
  })

  test('is continued when a trusted proxy sends it', async () => {
    const { tenant } = await withMember(proxied)
    const { request } = await traced(() => proxied.send(tenant.host, withParent(tenant)))
    expect(request.parentSpanContext).toMatchObject(UPSTREAM)
  })

  test('is ignored when any other client sends it', async () => {
    const { tenant } = await withMember()
    const forwarded = withParent(tenant, { 'x-forwarded-for': '127.0.0.1' })
    const { request, traceId } = await traced(() => api.send(tenant.host, forwarded))
    expect(request.parentSpanContext).toBeUndefined()
    expect(traceId).not.toBe(UPSTREAM.traceId)
  })
})

test('no span contains a password, a token, an e-mail, a query string or SQL (OPS-8)', async () => {
  const world = await createWorld(app, { settings: { METRICS_PORT: '0' } })
  exporter.reset()
  expect(await secretFaults(world)).toEqual([])
  await world.close()
  const spans = exporter.getFinishedSpans()
  expect(spans.length).toBeGreaterThan(100)
  const people = [...Object.values(world.b.users), world.b.spare]
  const canaries = people.flatMap((it) => [it.email, it.password, it.accessToken, it.refreshToken])
  const texts = spans.map((it) => JSON.stringify([it.name, it.attributes, it.events, it.status]))
  const leaks = texts.filter((text) => canaries.some((it) => text.includes(it)))
  expect(leaks).toEqual([])
  expect(texts.filter((it) => /[?&]|select |insert /.test(it))).toEqual([])
})
