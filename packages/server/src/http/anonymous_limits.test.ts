import { expect, onTestFinished, test } from 'vitest'
import { app } from '../../test/fixtures/app/app.ts'
import { expectProblem } from '../../test/fixtures/problem.ts'
import { startTestApp } from '../testing.ts'

async function startStrict(settings: Record<string, string>) {
  const api = await startTestApp(app, settings)
  onTestFinished(api.close)
  return api
}

const anonymous = [
  { path: '/' },
  { path: '/api/auth/me' },
  { path: '/api/auth/me', headers: { authorization: 'Bearer nonsense' } },
  { path: '/api/no-such-route' },
]

test.each(anonymous)(
  'anonymous requests exhaust the anonymous quota, and members are still served: %o (DOS-4)',
  async (request) => {
    const api = await startStrict({ TENANT_RATE: '50', PUBLIC_RATE: '1' })
    const tenant = await api.makeTenant()
    const user = await tenant.makeUser()
    const flood = () => Promise.all(Array.from({ length: 100 }, () => tenant.send(request)))
    let rejected = await flood()
    while (rejected.every((it) => it.status !== 429)) rejected = await flood()
    for (const it of rejected) if (it.status === 429) expectProblem(it, 429)
    await flood()
    expect((await tenant.send({ path: '/api/auth/me', user })).status).toBe(200)
  },
)

test('one address exhausts its own quota, and not that of other addresses (DOS-4)', async () => {
  const api = await startStrict({ TENANT_RATE: '50', PUBLIC_RATE: '1', TRUST_PROXY: '127.0.0.1' })
  const tenant = await api.makeTenant()
  const from = (address: string) =>
    tenant.send({ path: '/', headers: { 'x-forwarded-for': address } })
  await Promise.all(Array.from({ length: 500 }, () => from('192.0.2.1')))
  expect((await from('192.0.2.2')).status).toBe(200)
})
