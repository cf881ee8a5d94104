import { randomBytes } from 'node:crypto'
import { createPasswords } from '../../packages/server/src/access/passwords.ts'
import { INSTALLATION_REALM } from '../../packages/server/src/access/realm.ts'
import { loadConfig } from '../../packages/server/src/config/config.ts'
import { openDatabase } from '../../packages/server/src/db/open_database.ts'
import type { TemporaryDatabase } from '../../packages/server/src/db/provisioning/temporary_database.ts'
import type { PlatformDatabase } from '../../packages/server/src/db/tenancy.ts'
import { addMember } from '../../packages/server/src/modules/members/members.ts'
import { createTenant } from '../../packages/server/src/modules/tenants/tenants.ts'
import { ensureUser } from '../../packages/server/src/modules/users/users.ts'
import { send } from '../../packages/server/src/testing/http_client.ts'
import type { LoadRequest } from './load_job.ts'

const PASSWORD = 'correct horse battery'

/** A tenant with one member, who has signed in. */
export interface BenchTenant {
  tenantId: string
  userId: string
  sessionId: string
  host: string
  email: string
  /** The headers of its member's requests. */
  headers: Record<string, string>
}

/** Makes a tenant with one member who has the starter's admin role. */
export async function makeTenant(database: TemporaryDatabase, port: number): Promise<BenchTenant> {
  const subdomain = `t-${randomBytes(6).toString('hex')}`
  const host = `${subdomain}.app.test`
  const email = `${subdomain}@example.com`
  const ids = await withPlatformDatabase(database, (it) =>
    createTenantWithMember(it, subdomain, email),
  )
  const token = await signIn(port, host, email)
  const headers = { host, authorization: `Bearer ${token}`, ...clientHeaders }
  return { ...ids, sessionId: sessionOf(token), host, email, headers }
}

/** The request of a sign-in, for a load generator. */
export function loginRequest({ host, email }: BenchTenant): LoadRequest {
  const body = JSON.stringify({ email, password: PASSWORD })
  return { method: 'POST', path: '/api/auth/login', headers: { host }, body }
}

/** Makes a project. Returns its path. */
export async function createProject(port: number, { headers }: BenchTenant): Promise<string> {
  const body = { name: randomBytes(6).toString('hex') }
  const made = await send(port, { method: 'POST', path: '/api/projects', headers, body })
  return `/api/projects/${made.json.id}`
}

/** Signs in. Returns the access token. */
export async function signIn(port: number, host: string, email: string): Promise<string> {
  const reply = await send(port, {
    method: 'POST',
    path: '/api/auth/login',
    headers: { host },
    body: { email, password: PASSWORD },
  })
  if (reply.status !== 200) throw new Error(`sign-in: ${reply.status} ${reply.text}`)
  return reply.json.access_token
}

function sessionOf(token: string): string {
  const [, payload = ''] = token.split('.')
  return JSON.parse(Buffer.from(payload, 'base64url').toString()).sid
}

// Headers of an ordinary client.
const clientHeaders = { accept: 'application/json', 'user-agent': 'tenantry-bench/1.0' }

async function createTenantWithMember(
  database: PlatformDatabase,
  subdomain: string,
  email: string,
) {
  const password_hash = await createPasswords().hash(PASSWORD)
  return database.acrossTenants('bench', async (db) => {
    const code = subdomain.toUpperCase().replace('-', '_')
    const tenantId = await createTenant(db, { name: subdomain, subdomain, code })
    const { id: userId } = await ensureUser(db, {
      email,
      full_name: 'Ann',
      realm_id: INSTALLATION_REALM,
      password_hash,
    })
    await addMember(db, { tenant_id: tenantId, user_id: userId, roles: ['admin_tenant'] })
    return { tenantId, userId }
  })
}

async function withPlatformDatabase<T>(
  { urls }: TemporaryDatabase,
  work: (database: PlatformDatabase) => Promise<T>,
): Promise<T> {
  const config = loadConfig({
    DB_URL: urls.app,
    DB_IDENTITY_URL: urls.identity,
    DB_PLATFORM_URL: urls.platform,
  })
  const opened = openDatabase(config, () => {})
  try {
    return await work(opened.database)
  } finally {
    await opened.close()
  }
}
