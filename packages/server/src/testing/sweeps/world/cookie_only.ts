import type { Route } from '../../../app/route.ts'
import type { TestReply, TestRequest } from '../../http_client.ts'
import type { TestApp, TestTenant, TestUser } from '../../test_app.ts'

/** Routes of members that accept a session cookie and no bearer token, by path, and why. */
export const cookieOnly: Readonly<Record<string, string>> = {
  '/api/hand-overs': 'a bearer token opens one tenant, and no other',
}

/** Signs the browser of such a route in, so that its calls do nothing else. */
export async function signInFor(
  { api }: { api: TestApp },
  { path }: Route,
  { tenant, admin }: { tenant: TestTenant; admin: TestUser },
): Promise<void> {
  if (path in cookieOnly) await sendByCookie(api, tenant, admin, { path: '/api/auth/me' })
}

const cookies = new WeakMap<TestUser, string>()

/** Sends a request as the page of a tenant in whose browser the user is signed in. */
export async function sendByCookie(
  api: TestApp,
  { subdomain }: TestTenant,
  user: TestUser,
  request: TestRequest,
): Promise<TestReply> {
  // As in development: on http and a loopback name, which the tests serve beside their base domain.
  const host = `${subdomain}.localhost`
  // What a browser sends with the form of a page.
  const headers = {
    origin: `http://${host}`,
    'sec-fetch-mode': 'navigate',
    'sec-fetch-dest': 'document',
  }
  const cookie = cookies.get(user) ?? (await signIn(api, host, user, headers))
  cookies.set(user, cookie)
  return api.send(host, { ...request, headers: { ...headers, ...request.headers, cookie } })
}

async function signIn(
  api: TestApp,
  host: string,
  { email, password }: TestUser,
  headers: Record<string, string>,
): Promise<string> {
  const reply = await api.send(host, {
    ...{ method: 'POST', path: '/api/auth/login', headers },
    body: { email, password, session: 'cookie' },
  })
  const [cookie = ''] = reply.headers['set-cookie']?.split(';') ?? []
  return cookie
}
