import { randomBytes } from 'node:crypto'
import { SESSION_COOKIE_NAME } from '../../packages/server/src/access/credentials/session_cookie.ts'
import { INSTALLATION_REALM } from '../../packages/server/src/access/realm.ts'
import { createTokens } from '../../packages/server/src/access/tokens.ts'
import { withClient } from '../../packages/server/src/db/connect/with_client.ts'
import type { TemporaryDatabase } from '../../packages/server/src/db/provisioning/temporary_database.ts'
import { keyRing } from '../../packages/server/src/lib/keys.ts'
import { superuserUrl } from './database.ts'
import type { BenchTenant } from './tenants.ts'

/** A session inserted without a sign-in, and the headers of its requests. */
export interface Session {
  id: string
  tenantId: string
  headers: Record<string, string>
}

interface Row {
  id: string
  tenant_id: string
  user_id: string
  subdomain: string
}

/**
 * Inserts sessions into the database, `each` for every member that `members` selects (tenant_id,
 * user_id), and signs their access tokens. A sign-in would cost a password hash each.
 */
export async function openSessions(
  database: TemporaryDatabase,
  secret: string,
  members: string,
  each = 1,
): Promise<Session[]> {
  const rows = await withClient(superuserUrl(database), async (client) => {
    const opened = await client.query<Row>(`
      with opened as (
        insert into tenantry.sessions
          (tenant_id, id, user_id, idle_expires_at, expires_at, credentials_epoch, method, amr, kind,
            origin)
        select m.tenant_id, gen_random_uuid(), m.user_id, now() + interval '1 day',
          now() + interval '1 day', u.sessions_valid_from, 'password', '{pwd}', 'tokens',
          'https://app.test'
        from (${members}) m
        join tenantry.users u on u.id = m.user_id
        cross join generate_series(1, ${each})
        returning id, tenant_id, user_id
      )
      select o.*, t.subdomain from opened o join tenantry.tenants t on t.id = o.tenant_id`)
    return opened.rows
  })
  return rows.map(signer(secret))
}

function signer(secret: string): (row: Row) => Session {
  const keys = keyRing(secret, undefined)
  const tokens = createTokens(keys, { algorithm: 'HS256', accessMinutes: 60 })
  return ({ id, tenant_id, user_id, subdomain }) => {
    const host = `${subdomain}.app.test`
    const issuer = `https://${host}`
    const limits = { rate: null, concurrency: null }
    const token = tokens.issueAccess(
      {
        id: tenant_id,
        name: '',
        subdomain,
        origin: issuer,
        home: issuer,
        issuer,
        realm: INSTALLATION_REALM,
        limits,
        branding: {},
      },
      { userId: user_id, sessionId: id, roles: [], jti: randomBytes(16).toString('base64url') },
    )
    return { id, tenantId: tenant_id, headers: { host, authorization: `Bearer ${token}` } }
  }
}

/** The Cookie header of a session that was opened by a sign-in. */
export function sessionCookieOf(secret: string, tenant: BenchTenant): string {
  const tokens = createTokens(keyRing(secret, undefined), { algorithm: 'HS256', accessMinutes: 60 })
  const { tenantId: id, userId, sessionId, host } = tenant
  const issuer = `https://${host}`
  const limits = { rate: null, concurrency: null }
  const [subdomain = ''] = host.split('.')
  const expiresAt = Math.floor(Date.now() / 1_000) + 86_400
  const token = tokens.issueSession(
    {
      id,
      realm: INSTALLATION_REALM,
      name: '',
      subdomain,
      origin: issuer,
      home: issuer,
      issuer,
      limits,
      branding: {},
    },
    { userId, sessionId, expiresAt },
  )
  return `${SESSION_COOKIE_NAME}=${token}`
}
