// The same check by better-auth: which user is signed in, and is an action permitted in the organization?
// The settings are those of its guide "Optimizing for performance": COOKIE_CACHE=on keeps the session in
// a signed cookie for five minutes, and joins read related rows in one query.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { env } from 'node:process'
import { betterAuth } from 'better-auth'
import { getMigrations } from 'better-auth/db/migration'
import { fromNodeHeaders } from 'better-auth/node'
import { organization } from 'better-auth/plugins'
import pg from 'pg'
import { sendJson } from './send_json.ts'
import { serveOn } from './serve_on.ts'

const options = {
  baseURL: 'http://acme.app.test',
  secret: env['AUTH_SECRET'] ?? '',
  database: new pg.Pool({ connectionString: env['AUTH_DB_URL'] ?? '', max: 10 }),
  emailAndPassword: { enabled: true },
  session: { cookieCache: { enabled: env['COOKIE_CACHE'] === 'on', maxAge: 300 } },
  advanced: { database: { joins: true } },
  telemetry: { enabled: false },
  rateLimit: { enabled: false },
  logger: { level: 'error' as const },
  plugins: [organization()],
}

await (await getMigrations(options)).runMigrations()
const auth = betterAuth(options)
const cookie = await signUp()
const server = createServer((request, response) => {
  answer(request, response).catch((error: Error) => {
    sendJson(response, 500, error.message)
  })
})
await serveOn(server, { cookie })

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const headers = fromNodeHeaders(request.headers)
  const session = await auth.api.getSession({ headers })
  if (session === null) return sendJson(response, 401, null)
  const permissions = { organization: ['update' as const] }
  const { success } = await auth.api.hasPermission({ headers, body: { permissions } })
  if (!success) return sendJson(response, 403, null)
  sendJson(response, 200, { email: session.user.email })
}

// Signs up a user with an organization, and returns the cookie.
async function signUp(): Promise<string> {
  const cookies = new Map<string, string>()
  const take = ({ headers }: { headers: Headers }) => {
    for (const line of headers.getSetCookie()) {
      const [name = '', value = ''] = line.split(';', 1)[0]?.split(/=(.*)/s) ?? []
      cookies.set(name, value)
    }
  }
  const sent = () =>
    new Headers({ cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') })
  const name = `ann-${process.pid}`
  const person = { name, email: `${name}@example.com`, password: 'correct horse battery' }
  take(await auth.api.signUpEmail({ body: person, returnHeaders: true }))
  const made = await auth.api.createOrganization({
    body: { name, slug: name },
    headers: sent(),
  })
  const chosen = { organizationId: made.id }
  take(await auth.api.setActiveOrganization({ body: chosen, headers: sent(), returnHeaders: true }))
  return sent().get('cookie') ?? ''
}
