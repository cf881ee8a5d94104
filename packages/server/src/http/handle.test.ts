import { expect, test } from 'vitest'
import { openTestDatabase } from '../../test/fixtures/test_database.ts'
import { INSTALLATION_REALM } from '../access/realm.ts'
import { definePolicy } from '../app/policy.ts'
import { createRoutes, type Route } from '../app/route.ts'
import { Deadline } from '../lib/deadline.ts'
import { newId } from '../lib/ids.ts'
import { keyRing } from '../lib/keys.ts'
import { handleRoute } from './handle.ts'
import { inputReader } from './request/validate.ts'

const { get, post } = createRoutes<never, never, never>()
const policy = definePolicy({ resources: {}, roles: {} })
const keys = keyRing('w0uNJ6aeDgXnXSn1H1pMIDbWQwqPZ2mN')

function handleUnauthenticated(route: Route) {
  const tenant = {
    id: newId(),
    name: '',
    subdomain: '',
    origin: '',
    issuer: '',
    home: '',
    realm: INSTALLATION_REALM,
  }
  return handleRoute(
    {
      database: openTestDatabase(),
      keys,
      policy,
      confirmPassword: async () => undefined,
      jobs: { notify: () => {} },
    },
    {
      served: {
        route,
        readInput: inputReader(route),
        serialize: undefined,
        serializeForEtag: undefined,
      },
      tenant: { ...tenant, limits: { rate: null, concurrency: null }, branding: {} },
      identity: undefined,
      info: { id: '', address: '', userAgent: '' },
      deadline: new Deadline(5_000),
      headers: {},
      input: {
        params: undefined,
        query: undefined,
        headers: undefined,
        cookies: undefined,
        body: undefined,
      },
      cookies: undefined,
    },
  )
}

test.each([
  { method: 'GET', make: get },
  { method: 'POST', make: post },
])('a $method that is not public does not run without an authenticated actor', async ({ make }) => {
  let runs = 0
  const handle = () => {
    runs++
  }
  const shared = { summary: 'Count', audit: 'counted', handle }
  const rejected = async () =>
    handleUnauthenticated(make('/api/counts', { ...shared, access: 'member' }))
  await expect(rejected()).rejects.toMatchObject({ code: 'credentials.invalid' })
  expect(runs).toBe(0)
  await handleUnauthenticated(make('/api/counts', { ...shared, access: 'public' }))
  expect(runs).toBe(1)
})
